import { launchOf, wordFindings } from './launch-options.ts';
import { type OptionUse, type OptionUses, optionUses } from './option-uses.ts';
import type { Finding, ParsedLaunch } from './parsed-launch.ts';
import { libvirtInvalid, parseXml, type XmlElement } from './xml.ts';

/** The id that libvirt gives to the object of <launchSecurity>. Source: libvirt, src/qemu/qemu_command.c. */
const SECURITY_ID = 'lsec0';

/** Elements of a domain that are read; the others do not matter to the digest. */
const READ = new Set(['launchSecurity', 'os', 'vcpu', 'vcpus', 'cpu', 'qemu:commandline', 'qemu:override']);

const child = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((inner) => inner.name === name);
const use = (name: string, value: string, from: string): OptionUse => ({ name, value, from, unknown: null });
const isYes = (text: string | undefined): boolean => text === 'yes';

/** Writes key=value pairs as QEMU's options have them; what is undefined is left out. */
function pairs(rows: readonly (readonly [string, string | undefined])[]): string {
  return rows
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${(value ?? '').replaceAll(',', ',,')}`)
    .join(',');
}

/** <launchSecurity> as the object that libvirt makes of it. Source: libvirt, docs/formatdomain.rst, Launch Security. */
function securityUses(security: XmlElement | undefined): OptionUse[] {
  const type = security?.attributes.get('type');
  if (security === undefined || (type !== 'sev-snp' && type !== 'sev')) return [];
  const from = `<launchSecurity type='${type}'>`;
  const text = (name: string): string | undefined => child(security, name)?.text.trim();
  const attribute = (name: string): string | undefined => security.attributes.get(name);
  const common: (readonly [string, string | undefined])[] = [
    ['qom-type', type === 'sev' ? 'sev-guest' : 'sev-snp-guest'],
    ['id', SECURITY_ID],
    ['cbitpos', text('cbitpos')],
    // libvirt takes it from the host where the domain does not say.
    ['reduced-phys-bits', text('reducedPhysBits') ?? '1'],
    ['policy', text('policy')],
    ['kernel-hashes', attribute('kernelHashes') && (isYes(attribute('kernelHashes')) ? 'on' : 'off')],
  ];
  const snp: typeof common = [
    ['guest-visible-workarounds', text('guestVisibleWorkarounds')],
    ['id-block', text('idBlock')],
    ['id-auth', text('idAuth')],
    ['host-data', text('hostData')],
    ['author-key-enabled', attribute('authorKey') && (isYes(attribute('authorKey')) ? 'on' : 'off')],
    ['vcek-disabled', attribute('vcek') && (isYes(attribute('vcek')) ? 'off' : 'on')],
  ];
  return [
    use('object', pairs([...common, ...(type === 'sev-snp' ? snp : [])]), from),
    use('machine', `confidential-guest-support=${SECURITY_ID}`, from),
  ];
}

/** <os>: firmware and kernel. A loader without type is a ROM, so it becomes -bios; one of type pflash a flash drive. */
function osUses(os: XmlElement | undefined): OptionUse[] {
  const uses: OptionUse[] = [];
  const machine = child(os, 'type')?.attributes.get('machine');
  if (machine !== undefined) uses.push(use('machine', pairs([['type', machine]]), '<os><type>'));
  const loader = child(os, 'loader');
  const image = loader?.text.trim() ?? '';
  if (loader?.attributes.get('type') === 'pflash') {
    uses.push(use('drive', pairs([['if', 'pflash'], ['file', image]]), "<loader type='pflash'>")); // biome-ignore format: a row
  } else if (image !== '') uses.push(use('bios', image, '<loader>'));
  for (const name of ['kernel', 'initrd', 'dtb', 'shim']) {
    const text = child(os, name)?.text.trim() ?? '';
    if (text !== '') uses.push(use(name, text, `<${name}>`));
  }
  const cmdline = child(os, 'cmdline')?.text ?? '';
  if (cmdline !== '') uses.push(use('append', cmdline, '<cmdline>'));
  return uses;
}

/** <vcpu> and the topology: what <vcpus> enables or `current` says counts, what stands in the element is the most there can be. */
function vcpuUses(domain: XmlElement): OptionUse[] {
  const vcpu = child(domain, 'vcpu');
  const most = vcpu?.text.trim() ?? '1';
  const one = child(domain, 'vcpus')?.children.filter(({ name }) => name === 'vcpu') ?? [];
  const enabled =
    one.length === 0 ? undefined : String(one.filter(({ attributes }) => isYes(attributes.get('enabled'))).length);
  const topology = child(child(domain, 'cpu'), 'topology')?.attributes;
  const levels = ['sockets', 'dies', 'clusters', 'cores', 'threads'].map((key) => [key, topology?.get(key)] as const);
  const rows = [
    ['cpus', enabled ?? vcpu?.attributes.get('current') ?? most] as const,
    ['maxcpus', most] as const,
    ...levels,
  ];
  return [use('smp', pairs(rows), '<vcpu>')];
}

/** <cpu>: of the modes that take the host's processor none has a digest of its own. */
function cpuUses(cpu: XmlElement | undefined): OptionUse[] {
  const mode = cpu?.attributes.get('mode') ?? 'custom';
  if (mode === 'host-passthrough' || mode === 'host-model') return [use('cpu', 'host', `<cpu mode='${mode}'>`)];
  if (mode === 'maximum') return [use('cpu', 'max', "<cpu mode='maximum'>")];
  const model = child(cpu, 'model')?.text.trim() ?? '';
  return model === '' ? [] : [use('cpu', model, '<cpu><model>')];
}

/** Arguments that libvirt hands through to QEMU, after its own. Source: libvirt, docs/drvqemu.rst. */
function handedThrough(domain: XmlElement): OptionUses {
  const args = child(domain, 'qemu:commandline')?.children.filter(({ name }) => name === 'qemu:arg') ?? [];
  return optionUses(args.map(({ attributes }) => ({ text: attributes.get('value') ?? '', unknown: null })));
}

/** Attributes of <launchSecurity> that libvirt takes yes and no for. Source: libvirt, src/conf/schemas/domaincommon.rng. */
const YES_OR_NO = ['kernelHashes', 'authorKey', 'vcek'] as const;
/** Elements of SEV and SEV-ES that an SNP guest has none of. Source: libvirt, docs/formatdomain.rst, Launch Security. */
const LEGACY = ['dhCert', 'session'] as const;

function securityFindings(security: XmlElement | undefined): Finding[] {
  const words = YES_OR_NO.flatMap((name): Finding[] => {
    const value = security?.attributes.get(name);
    if (value === undefined || value === 'yes' || value === 'no') return [];
    const what = `<launchSecurity ${name}='${value}'>: expected 'yes' or 'no'`;
    return [{ id: 'libvirt-yes-no', severity: 'error', what, hint: 'libvirt refuses the domain' }];
  });
  if (security?.attributes.get('type') !== 'sev-snp') return words;
  const legacy = LEGACY.filter((name) => child(security, name) !== undefined).map((name): Finding => {
    const hint = 'it belongs to SEV and SEV-ES; an SNP guest is attested by its report, take the element out';
    return { id: 'libvirt-legacy-sev', severity: 'error', what: `<${name}> in a launchSecurity of SNP`, hint };
  });
  return [...words, ...legacy];
}

function domainFindings(domain: XmlElement, { snp }: ParsedLaunch): Finding[] {
  const findings: Finding[] = [];
  const security = child(domain, 'launchSecurity');
  const type = security?.attributes.get('type');
  // Before libvirt knew of SNP, and since, the object may also be handed through.
  if (type !== 'sev-snp' && snp === null) {
    const what = security === undefined ? 'no <launchSecurity>' : `<launchSecurity type='${type ?? ''}'>`;
    const hint = "an SNP guest has <launchSecurity type='sev-snp'>";
    findings.push({ id: 'libvirt-launch-security', severity: 'error', what, hint });
  } else if (type === 'sev-snp' && child(security, 'policy') === undefined) {
    const hint = 'libvirt refuses the domain; the usual one is 0x30000';
    findings.push({ id: 'libvirt-no-policy', severity: 'error', what: '<launchSecurity> without <policy>', hint });
  }
  findings.push(...securityFindings(security));
  const os = child(domain, 'os');
  if (os?.attributes.has('firmware') && child(os, 'loader') === undefined) {
    const what = `<os firmware='${os.attributes.get('firmware')}'>: libvirt chooses the image on the host`;
    const hint = 'give the image with --ovmf, or the XML of the running guest (virsh dumpxml), which names it';
    findings.push({ id: 'libvirt-firmware-chosen', severity: 'warning', what, hint });
  }
  return findings;
}

/**
 * Makes a launch of a libvirt domain, as libvirt would make QEMU's options of it; what is wrong is in its findings.
 * What <qemu:commandline> hands through counts after all else, as with libvirt.
 * @param bytes what `virsh dumpxml` prints   @throws HarnessError LIBVIRT_INVALID
 * Source: libvirt, docs/formatdomain.rst
 */
export function parseDomain(bytes: Uint8Array): ParsedLaunch {
  const domain = parseXml(bytes);
  if (domain.name !== 'domain') {
    throw libvirtInvalid(`expected a <domain>, got <${domain.name}>`, 'give what `virsh dumpxml` prints');
  }
  const type = domain.attributes.get('type') ?? '';
  if (type !== 'kvm' && type !== 'qemu') throw libvirtInvalid(`a domain of type '${type}' is no QEMU guest`);
  const os = child(domain, 'os');
  const through = handedThrough(domain);
  const uses = [
    use('accel', type === 'kvm' ? 'kvm' : 'tcg', `<domain type='${type}'>`),
    ...osUses(os),
    ...vcpuUses(domain),
    ...cpuUses(child(domain, 'cpu')),
    ...securityUses(child(domain, 'launchSecurity')),
    ...through.uses.map((one) => ({ ...one, from: `<qemu:arg> ${one.from}` })),
  ];
  const emulator = child(child(domain, 'devices'), 'emulator')?.text.trim();
  const launch = launchOf(uses, emulator ?? null, 'libvirt');
  const names = domain.children.map(({ name }) => name);
  return {
    ...launch,
    withoutEffect: [...new Set(names.filter((name) => !READ.has(name)))].map((name) => `<${name}>`),
    findings: [...domainFindings(domain, launch), ...wordFindings(through), ...launch.findings],
  };
}
