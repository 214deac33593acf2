import { type Parsed, parseLayout } from '../../abi/layout.ts';
import { productLineOf } from '../../abi/product-line.ts';
import { SNP_PLATFORM_STATUS, SNP_STATE_INITIALISED, SNP_STATUS_BITS } from '../../abi/snp-platform-status.ts';
import type { PlatformFacts } from '../../evidence/host-facts.ts';
import { findHostProfile, type HostProfile } from '../../firmware/profiles.ts';
import { type Section, textOf } from './sections.ts';
import { kernelBoolean, rowsOf, shortText, wholeNumber } from './text-facts.ts';

type Sections = ReadonlyMap<string, Section>;
type SnpStatus = Parsed<typeof SNP_PLATFORM_STATUS>;

/** SYSCFG[SecureNestedPagingEn]. Source: AMD 24593, MSR C001_0010. */
const SYSCFG_SNP = 1n << 24n;
const SNP_STATUS_HEX = /^[0-9a-f]{64}$/;

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const tcb = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** What SNP_PLATFORM_STATUS said; undefined where it could not be asked. */
function snpStatus(said: string | undefined): SnpStatus | undefined {
  const bytes = said?.trim();
  if (bytes === undefined || !SNP_STATUS_HEX.test(bytes)) return undefined;
  return parseLayout(SNP_PLATFORM_STATUS, new Uint8Array(Buffer.from(bytes, 'hex')), 'SNP_PLATFORM_STATUS');
}

/** Four 32-bit words of a CPUID leaf as od prints them. */
function cpuidWords(text: string | undefined): number[] | undefined {
  const words = (text ?? '').trim().split(/\s+/);
  if (words.length !== 4 || !words.every((word) => /^[0-9a-f]{8}$/.test(word))) return undefined;
  return words.map((word) => Number.parseInt(word, 16));
}

function processor(text: string | undefined): PlatformFacts['cpu'] {
  const rows = rowsOf(text, ':');
  const [family, model, stepping] = ['cpu family', 'model', 'stepping'].map((key) => wholeNumber(rows.get(key)));
  const [vendor, name] = [shortText(rows.get('vendor_id')), shortText(rows.get('model name'))];
  if (family === undefined || model === undefined || stepping === undefined || vendor === undefined) return null;
  return { vendor, family, model, stepping, name: name ?? '' };
}

/**
 * The firmware's version as the kernel told it when it started: `ccp ...: SEV-SNP API:1.55 build:24`.
 * Source: Linux drivers/crypto/ccp/sev-dev.c.
 */
function loggedFirmware(log: string | undefined): PlatformFacts['firmware'] {
  const said = [...(log ?? '').matchAll(/SEV-SNP API:(\d{1,3})\.(\d{1,3})(?: build:(\d{1,5}))?/g)].at(-1);
  const [apiMajor, apiMinor] = [wholeNumber(said?.[1]), wholeNumber(said?.[2])];
  if (apiMajor === undefined || apiMinor === undefined) return null;
  return { apiMajor, apiMinor, build: wholeNumber(said?.[3]) ?? null };
}

/**
 * SNP guests share the ASIDs below the first that is SEV's alone with SEV-ES guests; with ciphertext hiding they have a
 * part of them. The kernel charges both to `sev_es` of the misc controller. Source: Linux arch/x86/kvm/svm/sev.c.
 *
 * @param misc rows such as `misc.capacity:sev_es 99`
 */
function snpAsids(
  cpuid: number[] | undefined,
  misc: string | undefined,
  hidden: number | undefined,
): PlatformFacts['snpAsids'] {
  const rows = rowsOf(misc, ' ');
  const charged = (file: string) => wholeNumber(rows.get(`${file}:sev_es`));
  const minSevOnly = cpuid?.[3];
  const shared = charged('misc.capacity') ?? (minSevOnly === undefined || minSevOnly < 1 ? undefined : minSevOnly - 1);
  if (shared === undefined) return null;
  const total = hidden !== undefined && hidden > 0 ? Math.min(hidden, shared) : shared;
  return { total, used: charged('misc.current') ?? null };
}

/**
 * What a host kernel refuses before the firmware is asked, from its table; null for a kernel that no row describes.
 * @param announced the policy bits that the firmware is known to announce
 */
export function policyRules(profile: HostProfile | undefined, announced = 0n): PlatformFacts['kernelPolicy'] {
  return profile === undefined
    ? null
    : {
        known: hex(profile.policyKnown | (profile.policyKnownIfAnnounced & announced)),
        mustBeSet: hex(profile.policyMustBeSet),
        mustBeClear: hex(profile.policyMustBeClear),
      };
}

/** Upstream kernels by the rules that they have for policies: from this release on, the row of that name. */
const RULES_SINCE = [
  { major: 6, minor: 19, profile: 'upstream-6.19' },
  { major: 6, minor: 17, profile: 'upstream-6.18' },
  { major: 6, minor: 11, profile: 'upstream-6.12' },
] as const;

/** The row that describes upstream's kernel of a release such as `6.12.9-amd64`; vendors' kernels may differ. */
function profileOfRelease(release: string | undefined): HostProfile | undefined {
  const [, major, minor] = (/^(\d{1,3})\.(\d{1,3})/.exec(release ?? '') ?? []).map(Number);
  if (major === undefined || minor === undefined) return undefined;
  const rules = RULES_SINCE.find((row) => major > row.major || (major === row.major && minor >= row.minor));
  return rules === undefined ? undefined : findHostProfile(rules.profile);
}

const bit = (value: number | undefined, mask: number): boolean | null =>
  value === undefined ? null : (value & mask) !== 0;

/** What the sections of FACTS_SCRIPT say of the platform. */
export function machinePlatform(sections: Sections): PlatformFacts {
  const said = (name: string) => textOf(sections, name);
  const cpu = processor(said('cpu'));
  const cpuid = cpu?.vendor === 'AuthenticAMD' ? cpuidWords(said('cpuid')) : undefined;
  const status = snpStatus(said('status'));
  const kvmAmd = rowsOf(said('kvm_amd'), ':');
  const sevSnp = kernelBoolean(kvmAmd.get('sev_snp'));
  const hidden = wholeNumber(kvmAmd.get('ciphertext_hiding_asids'));
  const syscfg = /^\s*([0-9a-f]{16})\s*$/.exec(said('syscfg') ?? '')?.[1];
  const smt = kernelBoolean(said('smt'));
  return {
    source: 'machine',
    product: (cpu?.vendor === 'AuthenticAMD' ? productLineOf(cpu.family, cpu.model) : undefined) ?? null,
    cpu,
    sockets: wholeNumber(said('sockets')) || null,
    smtActive: smt ?? null,
    cbitpos: cpuid?.[1] === undefined ? null : cpuid[1] & 0x3f,
    snpEnabled: sevSnp ?? (syscfg === undefined ? null : (BigInt(`0x${syscfg}`) & SYSCFG_SNP) !== 0n),
    snpInitialised: status === undefined ? null : status.state === SNP_STATE_INITIALISED,
    rmpInitialised: bit(status?.rmpFlags, SNP_STATUS_BITS.rmpInitialised),
    firmware:
      status === undefined
        ? loggedFirmware(said('log'))
        : { apiMajor: status.apiMajor, apiMinor: status.apiMinor, build: status.build },
    tcb: status === undefined ? null : { current: tcb(status.currentTcb), reported: tcb(status.reportedTcb) },
    maskChipId: bit(status?.flags, SNP_STATUS_BITS.maskChipId),
    maskChipKey: bit(status?.flags, SNP_STATUS_BITS.maskChipKey),
    vlekEnabled: bit(status?.flags, SNP_STATUS_BITS.vlekEnabled),
    policyFeatures: {
      cxlAllowed: null,
      memAes256Xts: null,
      raplDisabled: null,
      ciphertextHiding: null,
      pageSwapDisabled: null,
    },
    kvmAmd: {
      sev: kernelBoolean(kvmAmd.get('sev')) ?? null,
      sevEs: kernelBoolean(kvmAmd.get('sev_es')) ?? null,
      sevSnp: sevSnp ?? null,
      debugSwap: kernelBoolean(kvmAmd.get('debug_swap')) ?? null,
      ciphertextHidingAsids: hidden ?? null,
    },
    kernelPolicy: policyRules(profileOfRelease(/^Linux (\S+)/.exec(said('kernel') ?? '')?.[1])),
    snpAsids: snpAsids(cpuid, said('misc'), hidden),
  };
}
