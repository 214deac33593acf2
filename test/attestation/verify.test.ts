import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { type ReportVerdict, verifyReport } from '../../lib/attestation/verify.ts';
import { expect, test } from '../support/test.ts';
import { vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { REAL_ISSUERS, realLeaf } from './real-certificates.ts';
import { REAL_REPORTS, reportBytes } from './real-reports.ts';

/** The dates between which a certificate of each kind in the vectors is valid: one day after the leaf's first. */
function verified(name: string, leaf: string, change: Partial<VerifyInput> = {}): ReportVerdict {
  const certificate = realLeaf(leaf);
  const now = new Date(certificate.notBefore.getTime() + 86_400_000);
  return verifyReport({
    report: reportBytes(name),
    certificates: [...REAL_ISSUERS, certificate],
    anchors: AMD_ANCHORS,
    now,
    ...change,
  });
}

const failures = ({ checks }: ReportVerdict): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ name }) => name);

test.describe('of the real reports', () => {
  test.skip(!vectorsPresent, vectorsAbsent);

  for (const { name, signedBy } of REAL_REPORTS) {
    for (const leaf of signedBy) {
      test(`${name} is genuine by ${leaf} and AMD's root`, () => {
        const verdict = verified(name, leaf);
        expect(failures(verdict)).toEqual([]);
        expect(verdict).toMatchObject({ result: 'pass', genuine: 'yes', lacks: [] });
      });
    }
  }

  test('one whose root is not trusted is not genuine', () => {
    const verdict = verified('milan-v3-e', 'milan-v3-e.vcek', { anchors: AMD_ANCHORS.slice(1) });
    expect(verdict.genuine).toBe('no');
    expect(failures(verdict)).toEqual(['root']);
  });

  test('one whose VLEK has expired is not genuine', () => {
    const verdict = verified('milan-v3-b-vlek', 'milan-v3-b-vlek.vlek', { now: new Date('2026-06-01') });
    expect(failures(verdict)).toEqual(['certificate-validity']);
  });

  test('one without its certificate is unproven, and says what is missing', () => {
    const verdict = verified('milan-v3-e', 'milan-v3-e.vcek', { certificates: REAL_ISSUERS });
    expect(verdict).toMatchObject({ result: 'unproven', genuine: 'unproven', wanted: 'yes' });
    expect(verdict.lacks).toContain('the VCEK of the chip');
  });
});
