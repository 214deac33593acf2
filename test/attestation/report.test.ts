import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { diffLayout, serialiseLayout } from '../../lib/abi/layout.ts';
import { ATTESTATION_REPORT, REPORT_SIGNED_BYTES } from '../../lib/abi/report.ts';
import { parseKeyInfo, parseReport, signedPart, verifyReportSignature } from '../../lib/attestation/report.ts';
import { signMessage } from '../../lib/identity/ecdsa.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { certificateKey, REAL_REPORTS, reportBytes } from './real-reports.ts';

const vcek = generateKeys().idKey;

/** A report of a version, signed by a key of this test. */
function madeReport(version: number, change: (bytes: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = serialiseLayout(ATTESTATION_REPORT, { version, signatureAlgo: 1, policy: 0x30000n }, 'report');
  change(bytes);
  bytes.set(signMessage(signedPart(bytes), vcek, 'VCEK'), REPORT_SIGNED_BYTES);
  return bytes;
}

const le64 = (value: bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString('hex');
};

test.describe('the real report', () => {
  test.skip(!vectorsPresent, vectorsAbsent);

  for (const { name, signedBy, ...known } of REAL_REPORTS) {
    test(`${name} is read as other programs read it`, () => {
      const report = parseReport(reportBytes(name));
      const cpuid = Buffer.of(report.cpuidFamId, report.cpuidModId, report.cpuidStep).toString('hex');
      expect({
        version: report.version,
        firmware: `${report.currentMajor}.${report.currentMinor}.${report.currentBuild}`,
        policy: report.policy,
        vmpl: report.vmpl,
        platformInfo: report.platformInfo,
        keyInfo: report.keyInfo,
        cpuid,
        reportedTcb: le64(report.reportedTcb),
      }).toEqual(known);
      expect(parseKeyInfo(report.keyInfo).signingKey).toBe(name.endsWith('vlek') ? 'VLEK' : 'VCEK');
    });

    for (const certificate of signedBy) {
      test(`${name} is signed by ${certificate}`, () => {
        expect(verifyReportSignature(reportBytes(name), certificateKey(certificate))).toBe(true);
      });
    }

    test(`${name} survives the way to values and back`, () => {
      const bytes = reportBytes(name);
      const again = serialiseLayout(ATTESTATION_REPORT, parseReport(bytes), 'report');
      expect(diffLayout(ATTESTATION_REPORT, again, bytes, 'report')).toEqual([]);
    });
  }

  test('milan-v2-a is not signed by the key of another chip', () => {
    expect(verifyReportSignature(reportBytes('milan-v2-a'), certificateKey('milan-v3-f.vcek'))).toBe(false);
  });

  test('turin-v5-a no longer verifies with any bit flipped', () => {
    const bytes = reportBytes('turin-v5-a');
    const key = certificateKey('turin-v5-a.vcek');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const altered = bytes.slice();
        altered[at] = (altered[at] ?? 0) ^ (1 << bit);
        expect(verifyReportSignature(altered, key)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

for (const version of [2, 3, 4, 5]) {
  test(`reads a report of version ${version}`, () => {
    expect(parseReport(madeReport(version))).toMatchObject({ version, policy: 0x30000n });
  });
}

for (const version of [0, 1, 6, 0xffffffff]) {
  test(`verifies a report of version ${version} but does not read it`, () => {
    const bytes = madeReport(version);
    expect(verifyReportSignature(bytes, vcek)).toBe(true);
    expect(() => parseReport(bytes)).toThrow(
      `REPORT_INVALID: attestation report: expected version 2 to 5, got ${version}`,
    );
  });
}

// Where a field begins to be one, and the version before in which its bytes must be zero.
const BORN: readonly (readonly [string, number, number, number])[] = [
  ['cpuidFamId', 0x188, 2, 3],
  ['launchMitVector', 0x1f8, 3, 4],
  ['currentMitVector', 0x200, 3, 5],
];

for (const [name, at, before, since] of BORN) {
  test(`${name} must be zero in version ${before} and is read in version ${since}`, () => {
    const set = (bytes: Uint8Array): void => bytes.set([1], at);
    expect(() => parseReport(madeReport(before, set))).toThrow(
      new RegExp(`^LAYOUT_RESERVED: .*${name} at offset 0x${at.toString(16)}`, 's'),
    );
    expect(Number(parseReport(madeReport(since, set))[name as 'launchMitVector'])).toBe(1);
  });
}

test('rejects a report whose reserved bytes are set, in every one of its versions', () => {
  for (const field of ATTESTATION_REPORT.filter(({ type }) => type === 'mbz')) {
    for (const version of [2, 3, 4, 5]) {
      const bytes = madeReport(version);
      bytes[field.at + field.bytes - 1] = 0x80;
      expect(() => parseReport(bytes), field.name).toThrow(new RegExp(`^LAYOUT_RESERVED: .*${field.name}`, 's'));
    }
  }
});

test('keeps bits without a meaning', () => {
  const bytes = madeReport(5, (report) => {
    report.fill(0xff, 0x08, 0x10);
    report.fill(0xff, 0x40, 0x4c);
  });
  const report = parseReport(bytes);
  expect(report).toMatchObject({ policy: (1n << 64n) - 1n, platformInfo: (1n << 64n) - 1n, keyInfo: 0xffffffff });
  expect(parseKeyInfo(report.keyInfo)).toEqual({
    authorKeyEnabled: true,
    chipKeyMasked: true,
    signingKey: 'none',
    unknownBits: 0xffffffe0,
  });
});

test('author key and masked chip key are told apart', () => {
  expect(parseKeyInfo(1)).toMatchObject({ authorKeyEnabled: true, chipKeyMasked: false });
  expect(parseKeyInfo(2)).toMatchObject({ authorKeyEnabled: false, chipKeyMasked: true });
});

test('a signing key of 2 to 6 is reserved', () => {
  expect([2, 3, 4, 5, 6].map((key) => parseKeyInfo(key << 2).signingKey)).toEqual(Array(5).fill('reserved'));
  expect(parseKeyInfo(0)).toEqual({
    authorKeyEnabled: false,
    chipKeyMasked: false,
    signingKey: 'VCEK',
    unknownBits: 0,
  });
});

test('a report of any other length is refused with a code', () => {
  const bytes = madeReport(3);
  const read = [parseReport, signedPart, (cut: Uint8Array) => verifyReportSignature(cut, vcek)];
  const wrong: string[] = [];
  for (let length = 0; length <= 1185; length += 1) {
    if (length === 1184) continue;
    const cut = new Uint8Array(length);
    cut.set(bytes.subarray(0, length));
    const refusal = `LAYOUT_LENGTH: attestation report: expected 1184 bytes, got ${length}`;
    // One claim at the end: three thousand of them take the runner longer than all other tests of reports.
    wrong.push(...read.map((reader) => harnessErrorOf(() => reader(cut)).message).filter((text) => text !== refusal));
  }
  expect(wrong).toEqual([]);
});

test('a report inside a larger buffer is read from its own first byte', () => {
  const around = new Uint8Array(1184 + 8).fill(0xee);
  around.set(madeReport(3), 4);
  expect(parseReport(around.subarray(4, -4)).version).toBe(3);
});

test('a well-signed report of another algorithm does not verify', () => {
  const bytes = madeReport(3, (report) => report.set([2], 0x34));
  expect(verifyReportSignature(bytes, vcek)).toBe(false);
});

test('bytes set above R, above S or after them make the signature wrong', () => {
  for (const at of [0x2a0 + 48, 0x2e8 + 71, 0x330, 0x49f]) {
    const bytes = madeReport(3);
    bytes[at] = 1;
    expect(verifyReportSignature(bytes, vcek), `byte ${at}`).toBe(false);
  }
  expect(verifyReportSignature(madeReport(3), vcek)).toBe(true);
});

test('an unsigned report does not verify', () => {
  const bytes = madeReport(3);
  bytes.fill(0, REPORT_SIGNED_BYTES);
  expect(verifyReportSignature(bytes, vcek)).toBe(false);
});

test('a key that is not P-384 is refused', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  expect(() => verifyReportSignature(madeReport(3), publicKey)).toThrow(/^KEY_INVALID: /);
});

test('the signed part of a report is a copy, of a Buffer too', () => {
  const bytes = Buffer.from(madeReport(3));
  const part = signedPart(bytes);
  bytes.fill(0xff);
  expect(part).toHaveLength(REPORT_SIGNED_BYTES);
  expect(part[0]).toBe(3);
});
