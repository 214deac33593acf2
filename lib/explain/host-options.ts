import { VMM_PROFILES, type VmmProfile } from '../measure/vmm-profiles.ts';
import type { CauseId } from './causes.ts';
import type { FileOrigin, KnownLaunch, LaunchState, VmsaFields } from './launch-state.ts';
import { hasSection, type LayoutName } from './layouts.ts';
import type { Likelihood, Option } from './option.ts';

function profileCause(from: VmmProfile, to: VmmProfile): CauseId {
  if (to.fpu.mxcsr !== 0 && to.fpu.x87Fcw === 0) return 'mxcsr-alone';
  if (to.hashesPage !== from.hashesPage) return 'hashes-after-firmware';
  if (to.vmm === 'ec2' && from.vmm === 'ec2') return 'ec2-rdx';
  return to.vmm === from.vmm ? 'fpu-state' : 'other-vmm';
}

/** The ways of launching that the host may have; the address of the VMSAs is a subject of its own. */
export function profileOptions({ profile: from }: LaunchState): Option[] {
  return VMM_PROFILES.filter(({ name, boots }) => name !== from.name && boots === from.boots).map((profile) => {
    const cause = profileCause(from, profile);
    return {
      change: { input: 'vmmProfile', from: from.name, to: profile.name },
      cause,
      likelihood: cause === 'fpu-state' ? 'top' : 'core',
      set: { profile },
    };
  });
}

/** Widths to which a host may cut the all-ones address of a VMSA; 64: not at all. */
const ADDRESS_BITS: readonly (readonly [number, Likelihood])[] = [
  ...([48, 51, 52] as const).map((bits) => [bits, 'core'] as const),
  ...[39, 40, 42, 43, 44, 45, 46, 47, 49, 50, 53, 57, 64].map((bits) => [bits, 'usual'] as const),
];

/** The addresses under which the host may hand over VMSAs. */
export function addressOptions({ vmsaGpa }: LaunchState): Option[] {
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  return ADDRESS_BITS.map(([bits, likelihood]) => ({ gpa: (1n << BigInt(bits)) - 4096n, likelihood }))
    .filter(({ gpa }) => gpa !== vmsaGpa)
    .map(({ gpa, likelihood }) => ({
      change: { input: 'vmsaAddress', from: hex(vmsaGpa), to: hex(gpa) },
      cause: 'vmsa-address',
      likelihood,
      set: { vmsaGpa: gpa },
    }));
}

const NO_FPU: VmsaFields = { mxcsr: 0, x87Fcw: 0 };

/** Registers in which hosts differ without being another generation: name, who has them, and what they are then. */
const REGISTERS: readonly {
  name: string;
  cause: CauseId;
  likelihood: Likelihood;
  boot: VmsaFields;
  application: VmsaFields;
}[] = [
  {
    name: 'no FPU state in application processors',
    cause: 'fpu-state-of-aps',
    likelihood: 'core',
    boot: {},
    application: NO_FPU,
  },
  {
    name: 'MXCSR without FCW',
    cause: 'mxcsr-alone',
    likelihood: 'core',
    boot: { x87Fcw: 0 },
    application: { x87Fcw: 0 },
  },
  { name: 'CR4.MCE 0', cause: 'machine-checks-off', likelihood: 'core', boot: { cr4: 0n }, application: { cr4: 0n } },
  {
    name: 'CR0.CD and CR0.NW 1',
    cause: 'cache-disabled',
    likelihood: 'core',
    boot: { cr0: 0x6000_0010n },
    application: { cr0: 0x6000_0010n },
  },
  {
    name: 'the PAT of GCE',
    cause: 'gce-pat',
    likelihood: 'usual',
    boot: { gPat: 0x70106n },
    application: { gPat: 0x70106n },
  },
];

/** Registers that the host may set otherwise than its profile says. */
export function registerOptions({ profile }: LaunchState): Option[] {
  return REGISTERS.map(({ name, cause, likelihood, boot, application }) => ({
    change: { input: 'vmmProfile', from: profile.name, to: `${profile.name} with ${name}` },
    cause,
    likelihood,
    set: { registers: { boot, application } },
  }));
}

const LAYOUT_CAUSES: Readonly<
  Record<Exclude<LayoutName, 'of-the-profile'>, { cause: CauseId; likelihood: Likelihood }>
> = {
  'hashes-after-firmware': { cause: 'hashes-after-firmware', likelihood: 'core' },
  'hashes-in-section': { cause: 'hashes-after-firmware', likelihood: 'core' },
  'hashes-last': { cause: 'hashes-order', likelihood: 'core' },
  'by-address': { cause: 'hashes-order', likelihood: 'core' },
  'cpuid-last': { cause: 'cpuid-order', likelihood: 'core' },
  'order-of-metadata': { cause: 'cpuid-order', likelihood: 'core' },
  'cpuid-before-secrets': { cause: 'cpuid-order', likelihood: 'usual' },
  'memory-unmeasured': { cause: 'memory-page-type', likelihood: 'core' },
  'memory-zero': { cause: 'memory-page-type', likelihood: 'core' },
  'caa-absent': { cause: 'section-type', likelihood: 'core' },
  'caa-unmeasured': { cause: 'section-type', likelihood: 'core' },
  'caa-normal': { cause: 'section-type', likelihood: 'core' },
  'hashes-absent': { cause: 'section-type', likelihood: 'core' },
  'hashes-zero-normal': { cause: 'section-type', likelihood: 'usual' },
  'no-sections': { cause: 'firmware-pages-only', likelihood: 'usual' },
};

/** The orders and page types in which the host may hand over the sections of the firmware. */
export function layoutOptions({ firmware, profile, hashesMeasured }: LaunchState): Option[] {
  const from =
    profile.hashesPage === 'after-firmware' && hashesMeasured
      ? 'hashes-after-firmware'
      : profile.sectionOrder === 'cpuid-last'
        ? 'cpuid-last'
        : 'order-of-metadata';
  return (Object.keys(LAYOUT_CAUSES) as (keyof typeof LAYOUT_CAUSES)[])
    .filter((name) => name !== from)
    .filter((name) => !name.startsWith('caa-') || hasSection(firmware, 'SVSM_CAA'))
    .map((name) => ({
      change: { input: 'pageOrder', from, to: name },
      ...LAYOUT_CAUSES[name],
      set: { layout: name },
    }));
}

const FIRMWARE_CAUSES: Readonly<Record<FileOrigin, CauseId>> = {
  'at-hand': 'other-firmware',
  'other-variables': 'svsm-place',
  'variables-cut-off': 'firmware-code-only',
  'variables-joined': 'firmware-code-only',
  'header-patched': 'other-firmware',
  'header-cleared': 'other-firmware',
};

/** The firmware images that may have been launched; sections of another build where the digest of the pages was given. */
export function firmwareOptions({ firmwareName, firmwaresAtHand, pagesDigestGiven, launch }: KnownLaunch): Option[] {
  const others: Option[] = firmwaresAtHand.map(({ name, descriptor, svsmEntry, origin }) => ({
    change: { input: 'firmware', from: firmwareName, to: name },
    cause: FIRMWARE_CAUSES[origin],
    likelihood: 'core',
    set: { firmware: descriptor, ...(svsmEntry !== undefined && { svsmEntry }) },
  }));
  if (!pagesDigestGiven) return others;
  const { pagesDigest } = launch.firmware;
  const sections: Option[] = firmwaresAtHand.map(({ name, descriptor }) => ({
    change: { input: 'firmware', from: firmwareName, to: `${name} (its sections)` },
    cause: 'ovmf-hash-of-another',
    likelihood: 'core',
    set: { firmware: { ...descriptor, pagesDigest } },
  }));
  return [...sections, ...others];
}
