import { buildCertificateTable, CERTIFICATE_GUIDS } from '../../lib/abi/certificate-table.ts';
import { type CertificateBundle, readCertificateFile } from '../../lib/attestation/certificate-file.ts';
import { REPORT_CHECKS } from '../../lib/attestation/checks.ts';
import { findReport } from '../../lib/attestation/report-file.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { verifyReport } from '../../lib/attestation/verify.ts';
import { HarnessError } from '../../lib/errors.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { certificateDer, certificatesOf, crlDer, crlOfChain, madeChain, NOW } from './made-chain.ts';
import { madeFields, signedReport } from './made-report.ts';

/** Random numbers that are the same in every run, so that what was found once is found again (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof randomFrom>;

/** Ways in which bytes go wrong; each returns others. */
const MUTATIONS: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => changed(bytes, random, (byte) => byte ^ (1 << random(8))),
  (bytes, random) => changed(bytes, random, () => random(256)),
  (bytes, random) => changed(bytes, random, () => [0x00, 0xff, 0x30, 0x80, 0x7f, 0x02][random(6)] ?? 0),
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  (bytes, random) => Buffer.concat([bytes, bytes.subarray(0, 1 + random(64))]),
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(16))]);
  },
  (bytes, random) => {
    const [from, to, length] = [random(bytes.length), random(bytes.length), 1 + random(64)];
    const copy = bytes.slice();
    copy.set(bytes.subarray(from, Math.min(from + length, bytes.length - Math.max(0, to - from))), Math.min(to, from));
    return copy;
  },
];

function changed(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  for (let count = 1 + random(3); count > 0; count -= 1) {
    const at = random(copy.length);
    copy[at] = change(copy[at] ?? 0);
  }
  return copy;
}

function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const mutate = MUTATIONS[random(MUTATIONS.length)] ?? ((same: Uint8Array) => same);
  return mutate(bytes, random);
}

/** Does the work and says what came of it: a verdict, or a code; anything else that is thrown is what is looked for. */
function outcomeOf(work: () => ReturnType<typeof verifyReport>): string {
  try {
    const verdict = work();
    if (verdict.checks.length !== REPORT_CHECKS.length) return 'a check is missing';
    return verdict.result;
  } catch (error) {
    if (error instanceof HarnessError) return error.code;
    return error instanceof Error ? `${error.name}: ${error.message}\n${error.stack}` : String(error);
  }
}

const TYPED = ['fail', 'unproven', 'pass', 'REPORT_INVALID', 'CERTIFICATE_INVALID', 'CERTIFICATE_TABLE_INVALID'];

/** How often each outcome came. */
function tally(times: number, work: (random: Random) => string, seed: number): Map<string, number> {
  const random = randomFrom(seed);
  const outcomes = new Map<string, number>();
  // The stacks of tens of thousands of errors that are expected cost more than all else.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    for (let run = 0; run < times; run += 1) {
      const outcome = work(random);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return outcomes;
}

const made = madeChain();
const whole: VerifyInput = {
  report: signedReport(madeFields()),
  certificates: certificatesOf(made),
  crls: [crlOfChain(made)],
  anchors: [made.anchor],
  now: NOW,
};

/** A report whose signature fails by its form, so that what is mutated is looked at and no time goes into curves. */
function unsigned(report: Uint8Array): Uint8Array {
  const copy = report.slice();
  copy.fill(0, 0x2a0, 0x2a0 + 48);
  return copy;
}

const untyped = (outcomes: Map<string, number>): string[] => [...outcomes.keys()].filter((key) => !TYPED.includes(key));

const FILES = tries(3_600, 36_000);
test(`${FILES} mutated files of a report are a verdict or a typed error, and none passes`, () => {
  const writings = [
    (bytes: Uint8Array) => bytes,
    (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString('hex')),
    (bytes: Uint8Array) => Buffer.from(Buffer.from(bytes).toString('base64')),
  ];
  const [raw = whole.report, hex = raw, base64 = raw] = writings.map((write) => write(unsigned(whole.report)));
  const files = [raw, raw, raw, raw, hex, base64];
  const outcomes = tally(
    FILES,
    (random) => {
      const file = mutated(files[random(files.length)] ?? whole.report, random);
      // Without certificates all of the report is looked at all the same.
      return outcomeOf(() => verifyReport({ ...whole, report: findReport(file).report, certificates: [], crls: [] }));
    },
    1,
  );
  expect(untyped(outcomes)).toEqual([]);
  expect(outcomes.get('pass')).toBeUndefined();
  expect(outcomes.get('fail')).toBeGreaterThan(FILES / 5);
  expect(outcomes.get('REPORT_INVALID')).toBeGreaterThan(FILES / 5);
});

const REPORTS = tries(400, 2_000);
test(`${REPORTS} mutated reports with all their certificates are refused`, () => {
  const outcomes = tally(
    REPORTS,
    (random) => {
      const report = changed(whole.report, random, (byte) => byte ^ (1 + random(255)));
      const same = Buffer.compare(report, whole.report) === 0;
      return same ? 'fail' : outcomeOf(() => verifyReport({ ...whole, report }));
    },
    2,
  );
  expect(outcomes).toEqual(new Map([['fail', REPORTS]]));
});

const BUNDLES = tries(1_100, 11_000);
test(`${BUNDLES} mutated certificates, lists and tables are a verdict or a typed error, and none passes`, () => {
  const leaf = certificateDer(made.leaf);
  const root = certificateDer(made.root);
  const table = buildCertificateTable([
    { guid: CERTIFICATE_GUIDS.ARK, contents: root },
    { guid: CERTIFICATE_GUIDS.VCEK, contents: leaf },
  ]);
  const pem = Buffer.from(
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(leaf).toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
  const files = [leaf, leaf, leaf, certificateDer(made.intermediate), root, crlDer(made.crl), table, pem];
  const report = unsigned(whole.report);
  const outcomes = tally(
    BUNDLES,
    (random) => {
      const file = mutated(files[random(files.length)] ?? leaf, random);
      return outcomeOf(() => {
        const bundle: CertificateBundle = readCertificateFile(file, 'mutated');
        // What was not mutated stands behind it: a kind that the file still has is taken from the file.
        const kinds = bundle.certificates.map(({ kind }) => kind);
        const others = whole.certificates.filter(({ kind }) => !kinds.includes(kind));
        return verifyReport({ ...whole, report, certificates: [...bundle.certificates, ...others], crls: bundle.crls });
      });
    },
    3,
  );
  expect(untyped(outcomes)).toEqual([]);
  expect(outcomes.get('pass')).toBeUndefined();
  expect(outcomes.get('fail')).toBeGreaterThan(BUNDLES / 3);
  expect(outcomes.get('CERTIFICATE_INVALID')).toBeGreaterThan(BUNDLES / 6);
});

const CHAINS = tries(250, 1_000);
test(`${CHAINS} mutated certificates under a report that verifies are refused or the same as before`, () => {
  const ders = [certificateDer(made.leaf), certificateDer(made.intermediate), certificateDer(made.root)];
  const outcomes = tally(
    CHAINS,
    (random) => {
      const index = random(ders.length);
      const der = changed(ders[index] ?? new Uint8Array(), random, (byte) => byte ^ (1 + random(255)));
      if (Buffer.compare(der, ders[index] ?? new Uint8Array()) === 0) return 'fail';
      return outcomeOf(() => {
        const { certificates } = readCertificateFile(der, 'mutated');
        const others = whole.certificates.filter((_, at) => at !== index);
        return verifyReport({ ...whole, certificates: [...certificates, ...others] });
      });
    },
    4,
  );
  expect(untyped(outcomes)).toEqual([]);
  expect(outcomes.get('pass')).toBeUndefined();
});
