import { HarnessError } from '../errors.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import { machineSwitch } from './launch-options.ts';
import type { LaunchRule, Said } from './launch-rule.ts';
import { parseSize, parseSwitch } from './options.ts';
import type { ParsedLaunch, QemuObject } from './parsed-launch.ts';

/** QEMU's default CPU model. Source: QEMU, target/i386/cpu.h, TARGET_DEFAULT_CPU_TYPE. */
export const DEFAULT_CPU = 'qemu64';

const ofType = ({ objects }: ParsedLaunch, type: string): readonly QemuObject[] =>
  objects.filter((object) => object.type === type);

const ids = (objects: readonly QemuObject[]): string => objects.map(({ id }) => id ?? '(no id)').join(', ');

function noSnpObject({ launch }: { launch: ParsedLaunch }): Said | null {
  if (ofType(launch, 'sev-snp-guest').length > 0) return null;
  const [legacy] = ofType(launch, 'sev-guest');
  if (legacy !== undefined) {
    return {
      what: `-object sev-guest (${legacy.id ?? 'no id'}) makes a SEV or SEV-ES guest, not an SNP guest`,
      hint: 'use -object sev-snp-guest; its policy has another layout',
    };
  }
  return { what: 'no -object sev-snp-guest: this is no SNP guest', hint: 'it has no launch digest' };
}

function unlinked({ launch }: { launch: ParsedLaunch }): Said | null {
  const { supportId } = launch;
  const objects = ofType(launch, 'sev-snp-guest');
  if (objects.length === 0) return null;
  const hint = `the guest is not confidential; add confidential-guest-support=${objects[0]?.id ?? 'ID'} to -machine`;
  if (supportId === null) return { what: `the machine does not use the sev-snp-guest object ${ids(objects)}`, hint };
  if (objects.some(({ id }) => id === supportId.value)) return null;
  const other = launch.objects.find(({ id }) => id === supportId.value);
  const leadsTo = other === undefined ? 'no object has that id' : `that is a ${other.type}`;
  return { what: `${supportId.from}${supportId.value}, but ${leadsTo}; the sev-snp-guest is ${ids(objects)}`, hint };
}

function vcpuType({ launch: { cpu } }: { launch: ParsedLaunch }): Said | null {
  if (cpu === null) return null;
  try {
    vcpuSignatureOf(cpu.value);
    return null;
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return {
      what: `${cpu.from}: ${error.what}`,
      hint: `give the signature with --vcpu-sig; ${error.hint ?? ''}`.trim(),
    };
  }
}

function memoryBackend({ machine, memoryBytes, objects }: ParsedLaunch): Said | null {
  const id = machine.get('memory-backend')?.value;
  const backend = id === undefined ? undefined : objects.find((object) => object.id === id);
  const size = parseSize(backend?.properties.get('size') ?? '', '');
  if (id === undefined || memoryBytes === null) return null;
  if (backend === undefined) return { what: `-machine memory-backend=${id}, but no object has that id` };
  if (size === undefined || size === memoryBytes) return null;
  return { what: `the memory backend ${id} has ${size} bytes, -m says ${memoryBytes}`, hint: 'QEMU refuses it' };
}

/** Is the guest one of SNP, on a machine that can be, with vCPUs that are known? */
export const SNP_RULES: readonly LaunchRule[] = [
  { id: 'no-snp-object', severity: 'error', find: noSnpObject },
  { id: 'not-linked', severity: 'error', find: unlinked },
  {
    id: 'support-twice',
    severity: 'error',
    find: ({ launch: { machine } }) => {
      const [support, alias] = [machine.get('confidential-guest-support'), machine.get('memory-encryption')];
      if (support === undefined || alias === undefined || support.value === alias.value) return null;
      return { what: `confidential-guest-support=${support.value} and memory-encryption=${alias.value}: they are one` };
    },
  },
  {
    id: 'memory-encryption',
    severity: 'warning',
    find: ({ launch: { machine } }) =>
      machine.has('memory-encryption')
        ? { what: 'memory-encryption= is deprecated', hint: 'it is confidential-guest-support=' }
        : null,
  },
  {
    id: 'smm-on',
    severity: 'error',
    find: ({ launch }) =>
      machineSwitch(launch, 'smm') === true
        ? { what: '-machine smm=on: SEV-SNP does not support SMM', hint: 'drop it' }
        : null,
  },
  {
    id: 'irqchip-off',
    severity: 'error',
    find: ({ launch }) =>
      machineSwitch(launch, 'kernel-irqchip') === false
        ? { what: '-machine kernel-irqchip=off: SNP guests need the irqchip of the kernel', hint: 'drop it' }
        : null,
  },
  {
    id: 'igvm',
    severity: 'error',
    find: ({ launch }) =>
      launch.machine.has('igvm-cfg') || ofType(launch, 'igvm-cfg').length > 0
        ? { what: 'the guest is launched from an IGVM file, which is not predicted', hint: 'only -bios launches are' }
        : null,
  },
  {
    id: 'accelerator',
    severity: 'error',
    find: ({ launch: { accelerators } }) => {
      const [first] = accelerators;
      if (first === undefined || first === 'kvm') return null;
      return { what: `the accelerator is ${first}, and SNP guests need KVM`, hint: 'QEMU refuses it; -accel kvm' };
    },
  },
  {
    id: 'accelerator-default',
    severity: 'warning',
    find: ({ launch: { accelerators, binary } }) =>
      accelerators.length > 0 || /kvm$/.test(binary ?? '')
        ? null
        : { what: 'no accelerator is given', hint: 'SNP guests need KVM: -accel kvm' },
  },
  { id: 'vcpu-type', severity: 'error', find: (facts) => (facts.given.vcpuSignature ? null : vcpuType(facts)) },
  {
    id: 'vcpu-type-default',
    severity: 'warning',
    find: ({ launch: { cpu }, given }) =>
      cpu !== null || given.vcpuSignature
        ? null
        : {
            what: `no -cpu: QEMU takes ${DEFAULT_CPU}, whose signature is predicted with`,
            hint: 'the firmware is likely to refuse its CPUID page; give a model such as -cpu EPYC-v4',
          },
  },
  {
    id: 'cpu-device',
    severity: 'error',
    find: ({ launch: { cpuDevices } }) =>
      cpuDevices.length === 0
        ? null
        : {
            what: `-device ${cpuDevices.slice(0, 8).join(', ')}: a vCPU beside those of -smp, with a VMSA of its own`,
            hint: 'count it in -smp',
          },
  },
  {
    id: 'cbitpos-missing',
    severity: 'warning',
    // libvirt fills it in from the host.
    find: ({ launch: { snp, source } }) =>
      snp === null || source === 'libvirt' || snp.properties.has('cbitpos')
        ? null
        : {
            what: 'sev-snp-guest without cbitpos: QEMU takes 0 and stops',
            hint: 'it is 51 on most hosts; CPUID 0x8000001F',
          },
  },
  {
    id: 'memory-backend',
    severity: 'error',
    find: ({ launch }) => memoryBackend(launch),
  },
  {
    id: 'memory-not-shared',
    severity: 'info',
    find: ({ launch: { machine, objects } }) => {
      const id = machine.get('memory-backend')?.value;
      const backend = objects.find((object) => object.id === id && object.type === 'memory-backend-file');
      if (backend === undefined || parseSwitch(backend.properties.get('share') ?? 'off') === true) return null;
      return { what: `the memory backend ${id} is not shared`, hint: 'examples of AMD have share=true' };
    },
  },
  {
    id: 'not-read',
    severity: 'error',
    find: ({ launch: { unread } }) =>
      unread.slice(0, 8).map((option) => ({
        what: `${option.slice(0, 120)} is not read, and leaves the digest open`,
        hint: 'give the options that it stands for; where they change neither firmware, kernel, vCPUs nor the sev-snp-guest object, --ignore-findings',
      })),
  },
  {
    id: 'without-effect',
    severity: 'info',
    find: ({ launch: { withoutEffect } }) =>
      withoutEffect.length === 0 ? null : { what: `no effect on the digest: ${withoutEffect.slice(0, 60).join(' ')}` },
  },
];
