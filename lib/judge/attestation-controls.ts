import type { CertificateBundle } from '../attestation/certificate-file.ts';
import type { ReportCheckName } from '../attestation/checks.ts';
import type { VerifyInput } from '../attestation/subject.ts';
import { verifyReport } from '../attestation/verify.ts';
import { type Finding, failed, notApplicable, passed } from '../finding.ts';
import type { RefusedFor } from '../scenarios/refused-for.ts';

/** A change under which a report that was found genuine must be refused: else its being found genuine says nothing. */
interface Control {
  readonly words: string;
  /** @param wrong what the issuer made wrong for it; empty where nothing is needed */
  readonly change: (input: VerifyInput, wrong: CertificateBundle) => VerifyInput;
  /** The check that must fail; null: none does, but the report is not proven any more. */
  readonly fails: ReportCheckName | null;
}

const DAY_MS = 24 * 3600_000;

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

/** Offset in ATTESTATION_REPORT. Source: AMD 56860. */
const MEASUREMENT_AT = 0x90;

const isLeaf = ({ kind }: VerifyInput['certificates'][number]): boolean => kind === 'VCEK' || kind === 'VLEK';

/** The leaf is another one; the chain above it stays. */
const withLeafOf = (input: VerifyInput, { certificates }: CertificateBundle): VerifyInput => ({
  ...input,
  certificates: [...certificates.filter(isLeaf), ...input.certificates.filter((one) => !isLeaf(one))],
});

/** Every control. */
const CONTROLS: Readonly<Record<RefusedFor, Control>> = {
  'tampered-report': {
    words: 'one bit of MEASUREMENT is flipped',
    change: (input) => ({ ...input, report: flipped(input.report, MEASUREMENT_AT) }),
    fails: 'signature',
  },
  'stale-nonce': {
    words: 'another nonce was sent than the report has',
    change: (input) => {
      const { reportData } = input.want ?? {};
      return { ...input, want: { ...input.want, reportData: flipped(reportData ?? new Uint8Array(64), 0) } };
    },
    fails: 'report-data',
  },
  'certificate-of-another-chip': {
    words: 'the certificate is that of another chip',
    change: withLeafOf,
    fails: 'signature',
  },
  'revoked-certificate': {
    words: 'the list of revoked certificates names one of the chain',
    change: (input, { crls }) => ({ ...input, crls }),
    fails: 'revocation',
  },
  'expired-certificate': {
    words: 'the day is after the last of the certificate',
    change: (input) => {
      const last = Math.max(...input.certificates.filter(isLeaf).map(({ notAfter }) => notAfter.getTime()));
      return { ...input, now: new Date(last + DAY_MS) };
    },
    fails: 'certificate-validity',
  },
  'untrusted-root': {
    words: 'nobody vouches for the root of the chain',
    change: (input) => ({ ...input, anchors: [] }),
    fails: 'root',
  },
  'vlek-of-another-provider': {
    words: 'another provider is named than the VLEK has',
    change: (input) => ({ ...input, want: { ...input.want, cspId: 'CN=another provider' } }),
    fails: 'csp-id',
  },
  'empty-host-cache': {
    words: 'the host gave no certificates',
    change: (input) => ({ ...input, certificates: [], crls: [] }),
    fails: null,
  },
  'stale-host-cache': {
    words: 'the certificate is that of an earlier TCB',
    change: withLeafOf,
    fails: 'signature',
  },
};

/**
 * Is a report that was found genuine refused under a change?
 * @param input with which it was found genuine   @param wrong made for it by the issuer; null: it was not made
 */
export function controlFinding(refused: RefusedFor, input: VerifyInput, wrong: CertificateBundle | null): Finding {
  const { words, change, fails } = CONTROLS[refused];
  if (wrong === null) return notApplicable(`nothing was made that is wrong in that way: ${words}`);
  const { result, genuine, lacks, checks } = verifyReport(change(input, wrong));
  if (fails === null) {
    return genuine === 'unproven' && result !== 'pass'
      ? passed(`not proven where ${words}: ${lacks.join(', ')} was not given`)
      : failed(`not refused where ${words}`, 'unproven', genuine);
  }
  const seen = checks.find(({ name }) => name === fails);
  return result === 'fail' && seen?.status === 'fail'
    ? passed(`refused where ${words}: ${seen.detail}`)
    : failed(`not refused where ${words}`, `${fails} fails`, `${fails}: ${seen?.status ?? 'was not asked'}`);
}
