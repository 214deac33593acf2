import fc from 'fast-check';
import { launchFindings } from '../../lib/qemu/launch-findings.ts';
import { parseDomain } from '../../lib/qemu/libvirt-domain.ts';
import { XML_LIMITS } from '../../lib/qemu/xml.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

/** A domain as virsh dumpxml prints it, shortened, with parts that tests replace. */
const DOMAIN = `<?xml version='1.0' encoding='UTF-8'?>
<!-- a guest -->
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>snp</name>
  <memory unit='KiB'>2097152</memory>
  <vcpu placement='static' current='2'>4</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-9.1'>hvm</type>
    <loader readonly='yes' type='rom' stateless='yes'>/usr/share/ovmf/OVMF.amdsev.fd</loader>
    <kernel>/vm/a,b</kernel>
    <initrd>/vm/initrd</initrd>
    <cmdline>console=ttyS0  a=&quot;b&quot; &amp;&#38; c&lt;d</cmdline>
  </os>
  <cpu mode='custom' match='exact' check='partial'>
    <model fallback='forbid'>EPYC-Milan</model>
    <topology sockets='1' dies='1' clusters='1' cores='4' threads='1'/>
    <feature policy='disable' name='x'/>
  </cpu>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>
  <launchSecurity type='sev-snp' kernelHashes='yes' authorKey='no' vcek='no'>
    <cbitpos>51</cbitpos>
    <reducedPhysBits>1</reducedPhysBits>
    <policy>0x00030000</policy>
    <hostData>${Buffer.alloc(32, 5).toString('base64')}</hostData>
  </launchSecurity>
</domain>
`;

const changed = (part: string | RegExp, replacement: string): Buffer => Buffer.from(DOMAIN.replace(part, replacement));

test('makes the launch of a domain that libvirt would', () => {
  expect(parseDomain(Buffer.from(DOMAIN))).toMatchObject({
    source: 'libvirt',
    binary: '/usr/bin/qemu-system-x86_64',
    firmware: { value: '/usr/share/ovmf/OVMF.amdsev.fd', from: '<loader>' },
    kernel: { value: '/vm/a,b', from: '<kernel>' },
    initrd: { value: '/vm/initrd' },
    append: { value: 'console=ttyS0  a="b" && c<d' },
    vcpus: 2,
    cpu: { value: 'EPYC-Milan' },
    supportId: { value: 'lsec0' },
    snp: { policy: 0x30000n, kernelHashes: true, cbitpos: 51n, hostData: Uint8Array.from(Array(32).fill(5)) },
    withoutEffect: ['<name>', '<memory>', '<devices>'],
    findings: [],
  });
});

/** What is replaced in the domain, by what, and all that is found then but information. */
const CASES: readonly (readonly [string | RegExp, string, readonly string[]])[] = [
  [/$/, '', []],
  ["type='rom'", "type='pflash'", ['error pflash']],
  [/<launchSecurity.*<\/launchSecurity>/s, '', ['error libvirt-launch-security', 'error no-snp-object']],
  ["type='sev-snp'", "type='sev'", ['error libvirt-launch-security', 'error no-snp-object']],
  ["type='sev-snp'", "type='tdx'", ['error libvirt-launch-security', 'error no-snp-object']],
  [/<policy>.*<\/policy>/, '', ['error libvirt-no-policy']],
  ["kernelHashes='yes'", "kernelHashes='on'", ['error libvirt-yes-no', 'warning kernel-not-measured']],
  [
    '<cbitpos>',
    '<dhCert>AAAA</dhCert><session>BBBB</session><cbitpos>',
    ['error libvirt-legacy-sev', 'error libvirt-legacy-sev'],
  ],
  [/<cbitpos>.*<\/reducedPhysBits>/s, '', []],
  ["kernelHashes='yes'", '', ['warning kernel-not-measured']],
  [/<kernel>.*<\/cmdline>/s, '', ['error hashes-without-kernel']],
  [/<cpu mode='custom'.*<\/cpu>/s, "<cpu mode='host-passthrough'/>", ['error vcpu-type']],
  [/<cpu mode='custom'.*<\/cpu>/s, "<cpu mode='host-model'/>", ['error vcpu-type']],
  [/<cpu mode='custom'.*<\/cpu>/s, '', ['warning vcpu-type-default']],
  ["cores='4'", "cores='3'", ['error smp-invalid']],
  ['<devices>', "<qemu:commandline><qemu:arg value='-S'/></qemu:commandline><devices>", []],
  ['<devices>', "<qemu:commandline><qemu:arg value='-bios'/></qemu:commandline><devices>", ['error option-cut-off']],
  ["<domain type='kvm'", "<domain type='qemu'", ['error accelerator']],
  [/<os>(.*)<loader.*<\/loader>/s, "<os firmware='efi'>$1", ['error no-firmware', 'warning libvirt-firmware-chosen']],
];
for (const [part, replacement, expected] of CASES) {
  test(`with ${replacement || 'nothing'} for ${part} finds ${expected.join(', ') || 'nothing'}`, () => {
    const launch = parseDomain(changed(part, replacement));
    const found = launchFindings({ launch, given: { firmware: false, vcpuSignature: false } });
    expect(found.filter(({ severity }) => severity !== 'info').map(({ severity, id }) => `${severity} ${id}`)).toEqual(
      expected,
    );
  });
}

test('findings speak of the elements of the XML, and of options where they are handed through', () => {
  const said = (part: RegExp | string, replacement: string): string[] => {
    const launch = parseDomain(changed(part, replacement));
    return launchFindings({ launch, given: { firmware: false, vcpuSignature: false } }).map(
      ({ what, hint }) => `${what} / ${hint}`,
    );
  };
  const alone = said(/<os>(.*)<loader.*<\/loader>/s, "<os firmware='efi'>$1").join('\n');
  expect(alone).toContain("no <loader type='rom'>: QEMU would load SeaBIOS");
  expect(alone).not.toMatch(/(?<![\w-])-(?:bios|kernel|append|cpu|smp|object)\b/);
  expect(said("kernelHashes='yes'", '').join('\n')).toContain("<kernel> without kernelHashes='yes'");
  const through = "<qemu:commandline><qemu:arg value='-bios'/><qemu:arg value='x'/></qemu:commandline><devices>";
  expect(said('<devices>', through).join('\n')).toContain('<qemu:arg> -bios');
});

test('what is handed through to QEMU counts last, and may be the object itself', () => {
  const args = [
    '-object',
    'sev-snp-guest,id=s,cbitpos=51,reduced-phys-bits=1',
    '-machine',
    'confidential-guest-support=s',
  ];
  const through = [...args, '-cpu', 'EPYC-v4'].map((value) => `<qemu:arg value='${value}'/>`).join('');
  const domain = DOMAIN.replace(/<launchSecurity.*<\/launchSecurity>/s, '').replace(
    '<devices>',
    `<qemu:commandline>${through}</qemu:commandline><devices>`,
  );
  const launch = parseDomain(Buffer.from(domain));
  expect(launch).toMatchObject({ snp: { id: 's', kernelHashes: false }, cpu: { value: 'EPYC-v4' }, vcpus: 2 });
  expect(launch.findings.map(({ id }) => id)).toEqual(['option-repeated']);
});

test('of vCPUs that are listed one by one, those that are enabled count', () => {
  const vcpus = [1, 1, 1, 0].map((on, id) => `<vcpu id='${id}' enabled='${on ? 'yes' : 'no'}' hotpluggable='no'/>`);
  const launch = parseDomain(changed('<os>', `<vcpus>${vcpus.join('')}</vcpus><os>`));
  expect(launch.vcpus).toBe(3);
});

test('CDATA is text as it stands', () => {
  const launch = parseDomain(changed(/<cmdline>.*<\/cmdline>/, '<cmdline><![CDATA[a &amp; <b>]]></cmdline>'));
  expect(launch.append?.value).toBe('a &amp; <b>');
});

const nested = (levels: number): string =>
  `<domain type='kvm'>${'<a>'.repeat(levels)}${'</a>'.repeat(levels)}</domain>`;

/** Documents that are refused, by what is wrong with them. */
const REFUSED: Readonly<Record<string, string>> = {
  'an empty file': '',
  'no XML': 'qemu-kvm -S',
  'an element that is not closed': '<domain>',
  'another root': '<network/>',
  'two roots': "<domain type='kvm'/><domain type='kvm'/>",
  'no QEMU guest': "<domain type='xen'/>",
  'a document type': `<!DOCTYPE domain [<!ENTITY a "b">]>${DOMAIN.slice(DOMAIN.indexOf('<domain'))}`,
  'an unknown entity': DOMAIN.replace('&amp;', '&a;'),
  'an impossible character': DOMAIN.replace('&#38;', '&#x110000;'),
  'deep nesting': nested(100),
  'very deep nesting': nested(100_000),
  'too many elements': `<domain type='kvm'>${'<a/>'.repeat(50_000)}</domain>`,
  'too many bytes': `${DOMAIN}${'<!---->'.repeat(150_000)}`,
  'too many blanks in a tag': `<domain type='kvm' ${' '.repeat(1_000_000)}/>`,
};
for (const [name, text] of Object.entries(REFUSED)) {
  test(`refuses ${name}`, () => {
    expect(errorCodeOf(() => parseDomain(Buffer.from(text)))).toBe('LIBVIRT_INVALID');
  });
}

test('takes its time in proportion to the input', () => {
  const blanks = ' '.repeat(XML_LIMITS.blanks);
  const hostile = [
    `<domain type='kvm' ${Array.from({ length: 1800 }, (_, row) => `a${row}='1'${blanks}`).join('')}/>`,
    `<domain type='kvm' ${`a${blanks}`.repeat(1900)}/>`,
    `<domain type='kvm' ${`a=${blanks}`.repeat(1900)}/>`,
    `<domain type='kvm' ${'a="\''.repeat(200_000)}/>`,
    `<domain type='kvm'>${`<a${blanks}/>`.repeat(1900)}</domain>`,
    `<domain type='kvm'>${'<a b="c>" '.repeat(19_000)}/></domain>`,
    `<domain type='kvm'>${'&'.repeat(1_000_000)}</domain>`,
  ];
  const started = performance.now();
  for (const text of hostile) errorCodeOf(() => parseDomain(Buffer.from(text)));
  expect(performance.now() - started).toBeLessThan(15_000);
});

test('any bytes and any damage give a launch or an error of the family', () => {
  const damage = fc
    .tuple(fc.nat({ max: DOMAIN.length }), fc.nat({ max: 40 }), fc.string({ maxLength: 8 }))
    .map(([at, length, text]) => Buffer.from(DOMAIN.slice(0, at) + text + DOMAIN.slice(at + length)));
  const names = fc.constantFrom(
    '<domain>',
    "<domain type='kvm'>",
    '<__proto__ a="b">',
    '</a>',
    '<os>',
    '<![CDATA[',
    '&#0;',
    '<?',
    '<!--',
  );
  const soup = fc.array(names, { maxLength: 12 }).map((parts) => Buffer.from(parts.join('')));
  fc.assert(
    fc.property(fc.oneof(damage, soup, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      errorCodeOf(() => parseDomain(bytes));
    }),
    { numRuns: 1500 },
  );
});
