import { productLineOf } from '../abi/products.ts';
import type { AttestationReport } from '../abi/report.ts';
import { splitTcb, type TcbComponent, type TcbLayoutName, type TcbVersion, tcbComponents } from '../abi/tcb.ts';

/** The first report version with CPUID fields. Source: AMD 56860, ATTESTATION_REPORT structure. */
export const CPUID_SINCE = 3;

/** CHIP_ID of Turin and later: 8 bytes, then zeros. Source: real reports. */
const SHORT_CHIP_ID_BYTES = 8;

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** Has the host masked CHIP_ID? A host setting that leaves no other trace in the report. */
export function chipIdMasked({ chipId }: Pick<AttestationReport, 'chipId'>): boolean {
  return isZero(chipId);
}

/**
 * The layout of the TCBs in a report: by the CPU family; in version 2, which does not state it, by the shape of CHIP_ID. A
 * masked CHIP_ID cannot tell; all real reports of version 2 are of family 0x19.
 */
export function tcbLayoutOf(report: AttestationReport): TcbLayoutName {
  const { version, cpuidFamId, cpuidModId, chipId } = report;
  if (version >= CPUID_SINCE) {
    const line = productLineOf(cpuidFamId, cpuidModId);
    return line?.tcbLayout ?? (cpuidFamId >= 0x1a ? 'family1a' : 'family19');
  }
  const short = isZero(chipId.subarray(SHORT_CHIP_ID_BYTES));
  return short && !chipIdMasked(report) ? 'family1a' : 'family19';
}

/** The names of components as the key distribution service has them. Source: AMD 57230, endpoints. */
export const SPL_NAMES: Readonly<Record<TcbComponent, string>> = {
  fmc: 'fmcSPL',
  bootLoader: 'blSPL',
  tee: 'teeSPL',
  snp: 'snpSPL',
  microcode: 'ucodeSPL',
};

/** A TCB in words: `bootLoader 3, tee 0, snp 8, microcode 115`. */
export function tcbText(tcb: TcbVersion): string {
  return Object.entries(tcb)
    .map(([name, level]) => `${name} ${level}`)
    .join(', ');
}

/** A TCB_VERSION in words. */
export function tcbVersionText(tcb: bigint, layout: TcbLayoutName): string {
  return tcbText(splitTcb(tcb, layout));
}

/** The components that are below a least TCB; a component that the layout does not have counts as 0. */
export function componentsBelow(tcb: bigint, least: TcbVersion, layout: TcbLayoutName): string[] {
  const levels = splitTcb(tcb, layout);
  return (Object.keys(least) as TcbComponent[])
    .filter((name) => (levels[name] ?? 0) < (least[name] ?? 0))
    .map((name) => `${name} ${levels[name] ?? 'absent'}, expected at least ${least[name]}`);
}

/** The components in which a TCB is below another of its layout. */
export function componentsBehind(tcb: bigint, other: bigint, layout: TcbLayoutName): string[] {
  const [left, right] = [splitTcb(tcb, layout), splitTcb(other, layout)];
  return tcbComponents(layout)
    .filter(({ name }) => (left[name] ?? 0) < (right[name] ?? 0))
    .map(({ name }) => `${name} ${left[name]} below ${right[name]}`);
}
