import type { ReportCheckName } from '../attestation/checks.ts';
import type { VerifyInput } from '../attestation/subject.ts';
import { verifyReport } from '../attestation/verify.ts';
import { type Finding, failed, passed } from '../finding.ts';

/** A change under which a report that was found genuine must be refused: else its being found genuine says nothing. */
interface Control {
  readonly name: string;
  readonly words: string;
  readonly change: (input: VerifyInput) => VerifyInput;
  /** The check that must fail. */
  readonly fails: ReportCheckName;
}

const DAY_MS = 24 * 3600_000;

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** Offsets in ATTESTATION_REPORT. Source: AMD 56860. */
const MEASUREMENT_AT = 0x90;
const CHIP_ID_AT = 0x1a0;

const leafOf = ({ certificates }: VerifyInput) => certificates.filter(({ kind }) => kind === 'VCEK' || kind === 'VLEK');

/** Every control. */
export const CONTROLS: readonly Control[] = [
  {
    name: 'refuses-tampered-report',
    words: 'one bit of MEASUREMENT is flipped',
    change: (input) => ({ ...input, report: flipped(input.report, MEASUREMENT_AT) }),
    fails: 'signature',
  },
  {
    name: 'refuses-another-chip',
    words: 'one bit of CHIP_ID is flipped, as if the certificate were that of another chip',
    change: (input) => ({ ...input, report: flipped(input.report, CHIP_ID_AT) }),
    fails: 'signature',
  },
  {
    name: 'refuses-stale-nonce',
    words: 'another nonce was sent than the report has',
    change: (input) => {
      const { reportData } = input.want ?? {};
      return { ...input, want: { ...input.want, reportData: flipped(reportData ?? new Uint8Array(64), 0) } };
    },
    fails: 'report-data',
  },
  {
    name: 'refuses-expired-certificate',
    words: 'the day is after the last of the certificate',
    change: (input) => {
      const last = Math.max(...leafOf(input).map(({ notAfter }) => notAfter.getTime()));
      return { ...input, now: new Date(last + DAY_MS) };
    },
    fails: 'certificate-validity',
  },
  {
    name: 'refuses-untrusted-root',
    words: 'nobody vouches for the root of the chain',
    change: (input) => ({ ...input, anchors: [] }),
    fails: 'root',
  },
];

/** Is a report that was found genuine refused under the change? @param input with which it was found genuine */
export function controlFinding({ words, change, fails }: Control, input: VerifyInput): Finding {
  const { result, checks } = verifyReport(change(input));
  const seen = checks.find(({ name }) => name === fails);
  return result === 'fail' && seen?.status === 'fail'
    ? passed(`refused where ${words}: ${seen.detail}`)
    : failed(`not refused where ${words}`, `${fails} fails`, `${fails}: ${seen?.status ?? 'was not asked'}`);
}
