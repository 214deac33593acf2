import { ATTESTATION_REPORT, REPORT_SIGNED_BYTES } from '../../lib/abi/report.ts';
import { AMD_ANCHORS } from '../../lib/attestation/anchors.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { type ReportVerdict, verifyReport } from '../../lib/attestation/verify.ts';
import { tries } from '../support/soak.ts';
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

test.describe('a flipped bit', () => {
  test.skip(!vectorsPresent, vectorsAbsent);

  const name = 'genoa-v5-c';
  const statuses = ({ checks }: ReportVerdict) => Object.fromEntries(checks.map((check) => [check.name, check.status]));

  function flipped(at: number, bit: number): Uint8Array {
    const bytes = reportBytes(name);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    return bytes;
  }

  test('in any signed byte fails the signature', () => {
    const leaf = `${name}.vcek`;
    // Every byte, or each seventh of them, its bits by turns: a check of a signature takes a millisecond and a half.
    const step = tries(7, 1);
    const held = Array.from({ length: Math.ceil(REPORT_SIGNED_BYTES / step) }, (_, index) => index * step).filter(
      (at) => statuses(verified(name, leaf, { report: flipped(at, at % 8) })).signature !== 'fail',
    );
    expect(held).toEqual([]);
  });

  test('in any reserved byte is reported as such, signed or not', () => {
    const leaf = `${name}.vcek`;
    const reserved = ATTESTATION_REPORT.filter(({ type }) => type === 'mbz').flatMap(({ at, bytes }) => [
      at,
      at + Math.floor(bytes / 2),
      at + bytes - 1,
    ]);
    for (const at of reserved) {
      const { checks, genuine } = verified(name, leaf, { report: flipped(at, 5) });
      const found = checks.find((check) => check.name === 'reserved-bytes');
      expect(found?.status, `byte ${at}`).toBe('fail');
      expect(found?.observed).toContain(`offset 0x${at.toString(16)}`);
      expect(genuine).toBe('no');
    }
  });
});
