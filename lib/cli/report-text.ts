import { splitBits } from '../abi/bits.ts';
import type { AttestationReport } from '../abi/report.ts';
import { KEY_INFO_BITS, PLATFORM_INFO_BITS } from '../abi/report-bits.ts';
import { splitTcb } from '../abi/tcb.ts';
import type { DescribedReport } from '../attestation/describe-report.ts';
import { firmwareOf, firmwareText } from '../attestation/firmware-version.ts';
import { parseKeyInfo } from '../attestation/report.ts';
import type { FoundReport } from '../attestation/report-file.ts';
import { chipIdMasked, tcbLayoutOf } from '../attestation/tcb.ts';
import { parseGuestPolicy } from '../identity/guest-policy.ts';
import { hexNumber } from '../text.ts';

/** More hex digits than this take a line of their own for what they mean; twice as many are broken. */
const SHORT_DIGITS = 18;
const LINE_DIGITS = 64;

function linesOf(value: string, meaning: string | null): string[] {
  if (value.length <= SHORT_DIGITS) return [meaning === null ? value : `${value.padEnd(SHORT_DIGITS)}  ${meaning}`];
  const lines = value.match(new RegExp(`.{1,${LINE_DIGITS}}`, 'g')) ?? [];
  return meaning === null ? [...lines] : [...lines, meaning];
}

/** A report as a table for people. */
export function reportTable({ wrapping, encoding }: FoundReport, described: DescribedReport): string {
  const width = Math.max(...described.fields.map(({ name }) => name.length));
  const wrapped = wrapping === 'report' ? '' : `, from the ${wrapping}`;
  const lines = described.fields.flatMap(({ name, value, meaning }) =>
    linesOf(value, meaning).map((line, index) => `${(index === 0 ? name : '').padEnd(width)}  ${line}`),
  );
  const head = `attestation report, version ${described.version}, ${described.product ?? 'product not stated'} (${encoding}${wrapped})`;
  const reserved = described.reserved.map((where) => `must be zero and is not: ${where}`);
  return `${[head, '', ...lines, ...(reserved.length === 0 ? [] : ['', ...reserved])].join('\n')}\n`;
}

/** A report as JSON: numbers as 0x hex, bytes as hex, and beside them the fields that have parts, taken apart. */
export function reportJson({ wrapping, encoding }: FoundReport, described: DescribedReport, report: AttestationReport) {
  const layout = tcbLayoutOf(report);
  const { names, unknown } = splitBits(PLATFORM_INFO_BITS, report.platformInfo);
  const { signingKey, unknownBits } = parseKeyInfo(report.keyInfo);
  const policy = parseGuestPolicy(report.policy);
  const { current, committed } = firmwareOf(report);
  return {
    format: 'snp-conform/report@1',
    wrapping,
    encoding,
    version: described.version,
    product: described.product,
    fields: Object.fromEntries(described.fields.map(({ field, value }) => [field, value])),
    reserved: described.reserved,
    decoded: {
      policy: { ...policy, unknownBits: hexNumber(policy.unknownBits) },
      platformInfo: { bits: names, unknownBits: hexNumber(unknown) },
      keyInfo: {
        signingKey,
        bits: splitBits(KEY_INFO_BITS, BigInt(report.keyInfo)).names,
        unknownBits: hexNumber(unknownBits),
      },
      tcb: {
        reported: splitTcb(report.reportedTcb, layout),
        committed: splitTcb(report.committedTcb, layout),
        current: splitTcb(report.currentTcb, layout),
        launch: splitTcb(report.launchTcb, layout),
      },
      firmware: { current: firmwareText(current), committed: firmwareText(committed) },
      chipIdMasked: chipIdMasked(report),
    },
  };
}
