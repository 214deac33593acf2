import fc from 'fast-check';
import { diffLayout, fieldOf, parseLayout, serialiseLayout, sizeOf } from '../../lib/abi/layout.ts';
import { ATTESTATION_REPORT, type AttestationReport, REPORT_SIGNED_BYTES } from '../../lib/abi/report.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

test('ATTESTATION_REPORT covers 1184 bytes without gap or overlap', () => {
  expectSoundLayout(ATTESTATION_REPORT, 0x4a0);
});

// Source: AMD 56860, ATTESTATION_REPORT, as Linux and virtee/sev read it; the real reports of the vectors agree.
const OFFSETS: Partial<Record<keyof AttestationReport, number>> = {
  policy: 0x08,
  vmpl: 0x30,
  platformInfo: 0x40,
  reportData: 0x50,
  measurement: 0x90,
  hostData: 0xc0,
  idKeyDigest: 0xe0,
  authorKeyDigest: 0x110,
  reportedTcb: 0x180,
  chipId: 0x1a0,
  committedTcb: 0x1e0,
  launchTcb: 0x1f0,
  signatureR: 0x2a0,
  signatureS: 0x2e8,
};

test('ATTESTATION_REPORT has its fields at their published offsets', () => {
  for (const field of ATTESTATION_REPORT) {
    if (field.type === 'mbz' || OFFSETS[field.name] === undefined) continue;
    expect(field.at, field.name).toBe(OFFSETS[field.name]);
  }
  expect(fieldOf(ATTESTATION_REPORT, 'signatureR').at).toBe(REPORT_SIGNED_BYTES);
});

/** Any value for every named field. */
const anyReport = fc.record(
  Object.fromEntries(
    ATTESTATION_REPORT.filter((field) => field.type !== 'mbz').map((field) => {
      if (field.type === 'bytes')
        return [field.name, fc.uint8Array({ minLength: field.bytes, maxLength: field.bytes })];
      if (field.type === 'u64le') return [field.name, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })];
      return [field.name, fc.integer({ min: 0, max: 2 ** (8 * field.bytes) - 1 })];
    }),
  ),
) as fc.Arbitrary<AttestationReport>;

test('what is written into a report is read out of it', () => {
  fc.assert(
    fc.property(anyReport, (report) => {
      const bytes = serialiseLayout(ATTESTATION_REPORT, report, 'report');
      expect(parseLayout(ATTESTATION_REPORT, bytes, 'report')).toEqual(report);
    }),
  );
});

test('one flipped bit of a report is reported at exactly its field', () => {
  const left = new Uint8Array(sizeOf(ATTESTATION_REPORT));
  fc.assert(
    fc.property(fc.nat(left.length - 1), fc.nat(7), (at, bit) => {
      const right = left.slice();
      right[at] = 1 << bit;
      const owner = ATTESTATION_REPORT.find((field) => at >= field.at && at < field.at + field.bytes);
      expect(diffLayout(ATTESTATION_REPORT, left, right, 'report').map(({ name }) => name)).toEqual([owner?.name]);
    }),
    { numRuns: 500 },
  );
});
