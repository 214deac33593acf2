import { REPORT_CHECKS } from '../../lib/attestation/checks.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { expect, test } from '../support/test.ts';
import { SCENARIOS } from './genuine-scenarios.ts';
import { certificatesOf, crlOfChain, MILAN_LEVELS, madeChain, ORGANIZATION, pair } from './made-chain.ts';
import { failures, milan, set, statusOf, verified, withCrl, withLeaf } from './scenario.ts';

for (const { title, fails, ...scenario } of SCENARIOS) {
  test(`${title}: ${fails.length === 0 ? 'genuine' : `refused by ${fails.join(', ')}`}`, () => {
    const verdict = verified(scenario);
    expect(failures(verdict)).toEqual(fails);
    expect(verdict.genuine).toBe(fails.length === 0 ? 'yes' : 'no');
    expect(verdict.wanted).toBe('yes');
    expect(verdict.result).toBe(fails.length === 0 ? 'pass' : 'fail');
  });
}

test('every check of the first question fails in some scenario', () => {
  const failing = new Set(SCENARIOS.flatMap(({ fails }) => fails));
  const idle = REPORT_CHECKS.filter(({ layer, name }) => layer === 'genuine' && !failing.has(name));
  expect(idle).toEqual([]);
});

test('no check of a report is left out, whatever is missing', () => {
  const verdict = verified({ input: () => ({ certificates: [], crls: [] }) });
  expect(verdict.checks.map(({ name }) => name)).toEqual(REPORT_CHECKS.map(({ name }) => name));
  expect(verdict.checks.every(({ status, detail }) => status === 'pass' || detail !== '')).toBe(true);
});

const LACKING: readonly (readonly [string, (input: VerifyInput) => Partial<VerifyInput>, string])[] = [
  ['the leaf', ({ certificates }) => ({ certificates: certificates.slice(1) }), 'the VCEK of the chip'],
  [
    'the ASK',
    ({ certificates }) => ({ certificates: certificates.filter(({ kind }) => kind !== 'ASK') }),
    `the certificate that issued leaf: OU=Tests, C=US, O=${ORGANIZATION}, CN=SEV-Milan`,
  ],
  [
    'the ARK',
    ({ certificates }) => ({ certificates: certificates.filter(({ kind }) => kind !== 'ARK') }),
    `the certificate that issued intermediate: OU=Tests, C=US, O=${ORGANIZATION}, CN=ARK-Milan`,
  ],
  [
    'the list where one is required',
    () => ({ crls: [], revocation: 'required' }),
    "the root's list of revoked certificates",
  ],
];

for (const [what, input, lacks] of LACKING) {
  test(`without ${what} a report is unproven, not refused, and the verdict names it`, () => {
    const verdict = verified({ input });
    expect(failures(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ result: 'unproven', genuine: 'unproven', wanted: 'yes' });
    expect(verdict.lacks).toContain(lacks);
  });
}

test('a forged report is refused even where its chain is not whole', () => {
  const verdict = verified({
    tamper: set(0x90, 0),
    input: ({ certificates }) => ({ certificates: certificates.slice(0, 1) }),
  });
  expect(verdict).toMatchObject({ result: 'fail', genuine: 'no' });
});

test('without a list revocation cannot be told, and the verdict says so', () => {
  const verdict = verified({ input: () => ({ crls: [] }) });
  expect(verdict.result).toBe('pass');
  expect(['crl', 'revocation'].map((name) => statusOf(verdict, name))).toEqual(['not-applicable', 'not-applicable']);
});

test('a list of another root is none of this one', () => {
  const other = madeChain('Turin VCEK');
  const verdict = verified({ input: () => ({ crls: [crlOfChain(other)] }) });
  expect(statusOf(verdict, 'crl')).toBe('not-applicable');
});

test('of several lists of the root the newest counts', () => {
  const old = madeChain();
  const revoking = withCrl({ thisUpdate: new Date('2026-05-25T00:00:00Z'), serials: [0x10001] })(old);
  for (const crls of [
    [crlOfChain(old), crlOfChain(revoking)],
    [crlOfChain(revoking), crlOfChain(old)],
  ]) {
    expect(failures(verified({ input: () => ({ crls }) }))).toEqual(['revocation']);
  }
});

test('of reissued certificates of one key the valid one is taken, whatever their order', () => {
  const made = madeChain();
  const expired = withLeaf({ notAfter: new Date('2026-05-01T00:00:00Z') })(made);
  for (const order of [
    [made, expired],
    [expired, made],
  ]) {
    const leaves = order.map((chain) => certificatesOf(chain)[0]).filter((leaf) => leaf !== undefined);
    const certificates = [...leaves, ...certificatesOf(made).slice(1)];
    expect(verified({ input: () => ({ certificates }) }).result).toBe('pass');
  }
});

test('of certificates of which none signed, the one of this chip and TCB is judged', () => {
  const made = madeChain();
  const other = withLeaf({ extensions: milan({ ...MILAN_LEVELS, bl: 9 }), publicKey: pair('other', 'p384').publicKey })(
    made,
  );
  const certificates = [...certificatesOf(other).slice(0, 1), ...certificatesOf(made)];
  const verdict = verified({ tamper: set(0x90, 0), input: () => ({ certificates }) });
  expect(failures(verdict)).toEqual(['signature']);
});

test('what a leaf says that no issuer signed is not looked at', () => {
  const verdict = verified({ chain: withLeaf({ saltBytes: 32, extensions: [] }) });
  for (const name of ['certificate-extensions', 'certificate-tcb', 'chip-id']) {
    expect(statusOf(verdict, name), name).toBe('not-applicable');
  }
});

test('a report of any other length is refused with a code', () => {
  const verify = (length: number) => () => verified({ input: () => ({ report: new Uint8Array(length) }) });
  for (const length of [0, 4, 672, 1183, 1185, 4000]) {
    expect(verify(length)).toThrow(`LAYOUT_LENGTH: attestation report: expected 1184 bytes, got ${length}`);
  }
});
