import { type NamedBit, splitBits } from '../abi/bits.ts';
import { type Field, reservedViolations } from '../abi/layout.ts';
import { productLineOf } from '../abi/products.ts';
import { ATTESTATION_REPORT, type AttestationReport } from '../abi/report.ts';
import { KEY_INFO_BITS, PLATFORM_INFO_BITS } from '../abi/report-bits.ts';
import { tcbReserved } from '../abi/tcb.ts';
import { describeGuestPolicy } from '../identity/guest-policy.ts';
import { hexNumber, hexOf } from '../text.ts';
import { firmwareOf, firmwareText } from './firmware-version.ts';
import { parseKeyInfo } from './report.ts';
import { CPUID_SINCE, chipIdMasked, tcbLayoutOf, tcbVersionText } from './tcb.ts';

/** One field of a report, in the order of its bytes. */
export interface DescribedField {
  /** The row's name in the layout, and the specification's. */
  field: keyof AttestationReport;
  name: string;
  /** Numbers as 0x hex, bytes as lower-case hex. */
  value: string;
  /** What the value says, in words; null where it says no more than itself. */
  meaning: string | null;
}

/** A report in words. */
export interface DescribedReport {
  version: number;
  /** The product line by CPUID; null where the report does not state it, or states one that is not known. */
  product: string | null;
  fields: DescribedField[];
  /** Bytes that must be zero and are not, by name and offset. */
  reserved: string[];
}

/** `currentMitVector` as the specification writes it: `CURRENT_MIT_VECTOR`. */
function specName(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function bitsText(table: readonly NamedBit[], value: bigint): string {
  const { names, unknown } = splitBits(table, value);
  const words = table.filter(({ name }) => names.includes(name)).map(({ name, meaning }) => `${name} (${meaning})`);
  const rest = unknown === 0n ? [] : [`unknown bits ${hexNumber(unknown)}`];
  return [...words, ...rest].join(', ') || 'no bit is set';
}

function keyInfoText(keyInfo: number): string {
  const { signingKey, unknownBits } = parseKeyInfo(keyInfo);
  const { names } = splitBits(KEY_INFO_BITS, BigInt(keyInfo));
  const words = KEY_INFO_BITS.filter(({ name }) => names.includes(name)).map(
    ({ name, meaning }) => `${name} (${meaning})`,
  );
  const signing = signingKey === 'none' ? 'SIGNING_KEY none: the report is unsigned' : `SIGNING_KEY ${signingKey}`;
  return [signing, ...words, ...(unknownBits === 0 ? [] : [`unknown bits ${hexNumber(unknownBits)}`])].join(', ');
}

/** What a zero says in fields where it says something. */
const zeroMeans = (words: string) => (value: Uint8Array) => (value.every((byte) => byte === 0) ? words : null);

const ALL_ONES = 0xff;

function chipIdText(report: AttestationReport): string | null {
  if (chipIdMasked(report)) return 'masked by the host';
  return tcbLayoutOf(report) === 'family1a' ? 'the first 8 bytes are the chip' : null;
}

const tcbMeaning =
  (field: 'currentTcb' | 'reportedTcb' | 'committedTcb' | 'launchTcb') =>
  (report: AttestationReport): string => {
    const layout = tcbLayoutOf(report);
    const unknown = tcbReserved(report[field], layout);
    const rest = unknown === 0n ? '' : `, unknown bytes ${hexNumber(unknown)}`;
    return `${tcbVersionText(report[field], layout)}${rest}`;
  };

/** What fields say in words; a field without an entry says no more than its value. */
const MEANINGS: { readonly [F in keyof AttestationReport]?: (report: AttestationReport) => string | null } = {
  policy: ({ policy }) => describeGuestPolicy(policy).replace(/^0x[0-9a-f]+: /, ''),
  familyId: ({ familyId }) => zeroMeans('none')(familyId),
  imageId: ({ imageId }) => zeroMeans('none')(imageId),
  vmpl: ({ vmpl }) => (vmpl === 0xffffffff ? 'asked for by the host' : null),
  signatureAlgo: ({ signatureAlgo }) => (signatureAlgo === 1 ? 'ECDSA P-384 with SHA-384' : 'unknown'),
  currentTcb: tcbMeaning('currentTcb'),
  platformInfo: ({ platformInfo }) => bitsText(PLATFORM_INFO_BITS, platformInfo),
  keyInfo: ({ keyInfo }) => keyInfoText(keyInfo),
  idKeyDigest: ({ idKeyDigest }) => zeroMeans('launched without an ID block')(idKeyDigest),
  authorKeyDigest: ({ authorKeyDigest }) => zeroMeans('launched without an author key')(authorKeyDigest),
  reportIdMa: ({ reportIdMa }) => (reportIdMa.every((byte) => byte === ALL_ONES) ? 'no migration agent' : null),
  reportedTcb: tcbMeaning('reportedTcb'),
  cpuidFamId: ({ cpuidFamId, cpuidModId }) => productLineOf(cpuidFamId, cpuidModId)?.name ?? 'unknown processor',
  chipId: chipIdText,
  committedTcb: tcbMeaning('committedTcb'),
  currentBuild: (report) => `firmware ${firmwareText(firmwareOf(report).current)}`,
  committedBuild: (report) => `firmware ${firmwareText(firmwareOf(report).committed)}`,
  launchTcb: tcbMeaning('launchTcb'),
};

function valueText(value: number | bigint | Uint8Array): string {
  return value instanceof Uint8Array ? hexOf(value) : hexNumber(value);
}

/**
 * Says what stands in a report, field by field in the order of its bytes; fields that its version does not have are left
 * out.
 * @param bytes 1184   @param report the same bytes, parsed
 * @param version the version by which they are read
 */
export function describeReport(bytes: Uint8Array, report: AttestationReport, version: number): DescribedReport {
  const rows: readonly Field[] = ATTESTATION_REPORT;
  const line = version >= CPUID_SINCE ? productLineOf(report.cpuidFamId, report.cpuidModId) : undefined;
  return {
    version: report.version,
    product: line?.name ?? null,
    fields: rows
      .filter(({ type, since }) => type !== 'mbz' && (since ?? 0) <= version)
      .map(({ name }) => {
        const field = name as keyof AttestationReport;
        return {
          field,
          name: specName(field),
          value: valueText(report[field]),
          meaning: MEANINGS[field]?.(report) ?? null,
        };
      }),
    reserved: reservedViolations(ATTESTATION_REPORT, bytes, version),
  };
}
