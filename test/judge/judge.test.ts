import type { AttestationReport } from '../../lib/abi/report.ts';
import type { Evidence } from '../../lib/evidence/schema.ts';
import type { Check } from '../../lib/finding.ts';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { CHECKS } from '../../lib/judge/checks.ts';
import { judge, resultOf } from '../../lib/judge/judge.ts';
import { expect, test } from '../support/test.ts';
import {
  base64,
  evidence,
  HOST_DATA,
  idBlock,
  keys,
  madeReport,
  NONCE,
  POLICY,
  PREDICTED,
  prediction,
} from './made-evidence.ts';

/** `name status` of every check that did not pass. */
function notPassed(of: Evidence): string[] {
  return judge(prediction, of)
    .checks.filter(({ status }) => status !== 'pass')
    .map(({ name, status }) => `${name} ${status}`);
}

function check(of: Evidence, name: string): Check | undefined {
  return judge(prediction, of).checks.find((one) => one.name === name);
}

test('a conforming launch passes every check', () => {
  expect(notPassed(evidence())).toEqual([]);
  expect(judge(prediction, evidence()).result).toBe('pass');
});

test('every check has a name of its own and a source', () => {
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
  expect(CHECKS.filter(({ source }) => source === '')).toEqual([]);
});

const other = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x77);

/** Each field of the report that is checked: altered, it fails that check and no other. */
const FIELDS: readonly (readonly [string, Partial<AttestationReport>, string | null, string])[] = [
  ['report-measurement', { measurement: other(48) }, PREDICTED, '77'.repeat(48)],
  ['report-policy', { policy: POLICY | (1n << 19n) }, '0x30000', '0xb0000'],
  ['report-host-data', { hostData: other(32) }, HOST_DATA, '77'.repeat(32)],
  ['report-data', { reportData: other(64) }, NONCE, '77'.repeat(64)],
  ['report-id-key-digest', { idKeyDigest: other(48) }, null, '77'.repeat(48)],
  ['report-author-key-digest', { authorKeyDigest: other(48) }, null, '77'.repeat(48)],
  ['report-family-id', { familyId: other(16) }, 'fa'.repeat(16), '77'.repeat(16)],
  ['report-image-id', { imageId: other(16) }, '1a'.repeat(16), '77'.repeat(16)],
  ['report-guest-svn', { guestSvn: 2 }, '0x3', '0x2'],
  ['report-vmpl', { vmpl: 1 }, '0x0', '0x1'],
];

for (const [name, change, expected, observed] of FIELDS) {
  test(`${name} fails, and it alone, when the report says otherwise`, () => {
    const of = evidence({ outcome: { report: base64(madeReport(change)) } });
    expect(notPassed(of)).toEqual([`${name} fail`]);
    expect(judge(prediction, of).result).toBe('fail');
    expect(check(of, name)).toMatchObject({ observed, ...(expected === null ? {} : { expected }) });
  });
}

test('a launch without ID block must report zeros where its values would be', () => {
  const sent = { idBlock: null, idAuth: null, authorKeyEnabled: false };
  const nothing = ['id-block-digest', 'id-block-policy', 'id-auth'].map((name) => `${name} not-applicable`);
  const zeros = {
    idKeyDigest: new Uint8Array(48),
    authorKeyDigest: new Uint8Array(48),
    familyId: new Uint8Array(16),
    imageId: new Uint8Array(16),
    guestSvn: 0,
  };
  const clean = evidence({ sent, outcome: { report: base64(madeReport(zeros)) } });
  expect(notPassed(clean)).toEqual(nothing);
  expect(judge(prediction, clean).result).toBe('pass');
  expect(notPassed(evidence({ sent }))).toEqual([
    ...nothing,
    ...['id-key-digest', 'author-key-digest', 'family-id', 'image-id', 'guest-svn'].map(
      (name) => `report-${name} fail`,
    ),
  ]);
});

test('an author key that was sent but not enabled must not be reported', () => {
  const of = evidence({ sent: { authorKeyEnabled: false } });
  expect(notPassed(of)).toEqual(['report-author-key-digest fail']);
  expect(check(of, 'report-author-key-digest')?.expected).toBe('00'.repeat(48));
});

test('an ID block with another digest than is predicted now fails, as on replay after a change of the calculator', () => {
  const stale = buildIdBlock({ launchDigest: other(48), policy: POLICY });
  const of = evidence({ sent: { idBlock: base64(stale), idAuth: base64(buildIdAuth({ idBlock: stale, ...keys })) } });
  expect(check(of, 'id-block-digest')).toMatchObject({
    status: 'fail',
    expected: PREDICTED,
    observed: '77'.repeat(48),
  });
});

test('an ID block with another policy than the cell fails', () => {
  const wrong = buildIdBlock({ launchDigest: prediction.launchDigest, policy: 0xb0000n });
  const of = evidence({ sent: { idBlock: base64(wrong), idAuth: base64(buildIdAuth({ idBlock: wrong, ...keys })) } });
  expect(check(of, 'id-block-policy')).toMatchObject({ status: 'fail', expected: '0x30000', observed: '0xb0000' });
  expect(check(of, 'id-auth')?.status).toBe('pass');
});

test('a wrong signature of the ID auth is named', () => {
  const altered = idBlock.slice();
  altered[0x54] = 9;
  expect(check(evidence({ sent: { idBlock: base64(altered) } }), 'id-auth')).toMatchObject({
    status: 'fail',
    detail: 'id-block-signature: not so: the ID key signed the ID block',
  });
});

test('a launch started with another policy than the cell fails', () => {
  const trace = evidence().outcome.trace.map((line) =>
    line.event === 'launch_start' ? { ...line, policy: '0xb0000' } : line,
  );
  expect(notPassed(evidence({ outcome: { trace } }))).toEqual(['launch-policy fail']);
});

test('a guest that ran and sent no report has failed, and nothing is claimed of its fields', () => {
  const of = evidence({ outcome: { report: null } });
  const fields = FIELDS.map(([name]) => `${name} not-applicable`);
  expect(notPassed(of)).toEqual(['report-present fail', ...fields]);
  expect(check(of, 'report-measurement')).toMatchObject({ expected: PREDICTED, observed: null });
});

test('why a guest has no report is told in its own words, cleaned', () => {
  const guest = { agent: '1', kernel: '6.12.0', dmesg: null, errors: ['no SNP guest\n device', 'again'] };
  const of = evidence({ outcome: { report: null, guest } });
  expect(check(of, 'report-present')?.detail).toBe(
    'there is no report: the guest ran and sent none; it said: no SNP guest  device',
  );
});

test('a guest that never spoke is infrastructure, unless a check failed', () => {
  const silent = { state: 'silent', report: null } as const;
  expect(judge(prediction, evidence({ outcome: silent })).result).toBe('infrastructure');
  const trace = evidence().outcome.trace.filter((line) => line.event !== 'launch_update');
  expect(judge(prediction, evidence({ outcome: { ...silent, trace } })).result).toBe('fail');
});

test('no verdict passes without a passed check', () => {
  const nothing: Check = { name: 'a', status: 'not-applicable', expected: null, observed: null, detail: '' };
  expect(resultOf([], 'ran')).toBe('infrastructure');
  expect(resultOf([nothing], 'ran')).toBe('infrastructure');
  expect(resultOf([nothing, { ...nothing, status: 'pass' }], 'ran')).toBe('pass');
  expect(resultOf([nothing, { ...nothing, status: 'pass' }, { ...nothing, status: 'fail' }], 'ran')).toBe('fail');
  expect(resultOf([{ ...nothing, status: 'pass' }], 'silent')).toBe('infrastructure');
});

/** Evidence that someone damaged: which check must fail, and what it must say. */
const DAMAGED: readonly (readonly [string, Evidence, string, string])[] = [
  [
    'a report cut short',
    evidence({ outcome: { report: base64(madeReport().subarray(1)) } }),
    'report-present',
    'got 1580 characters',
  ],
  [
    'a report of 100 MB',
    evidence({ outcome: { report: 'A'.repeat(100_000_000) } }),
    'report-present',
    'got 100000000 characters',
  ],
  [
    'a report that is not base64',
    evidence({ outcome: { report: '*'.repeat(1580) } }),
    'report-present',
    'expected base64 of 1184 bytes',
  ],
  [
    'a report of an unknown version',
    evidence({ outcome: { report: base64(madeReport({ version: 9 })) } }),
    'report-present',
    'got 9',
  ],
  [
    'a report with reserved bytes set',
    evidence({ outcome: { report: base64(madeReport().fill(1, 0x4c, 0x50)) } }),
    'report-present',
    'reserved4c at offset 0x4c',
  ],
  [
    'an ID block cut short',
    evidence({ sent: { idBlock: base64(idBlock.subarray(1)) } }),
    'id-block-digest',
    'cannot be read',
  ],
  ['an ID auth cut short', evidence({ sent: { idAuth: base64(idBlock) } }), 'id-auth', 'without a readable ID auth'],
  ['an ID block without ID auth', evidence({ sent: { idAuth: null } }), 'id-auth', 'no ID auth was sent'],
  ['an ID auth without ID block', evidence({ sent: { idBlock: null } }), 'id-auth', 'no ID block was sent'],
];

for (const [damage, of, name, words] of DAMAGED) {
  test(`${damage} fails ${name} and is not thrown`, () => {
    expect(check(of, name)?.status).toBe('fail');
    expect(check(of, name)?.detail).toContain(words);
    expect(judge(prediction, of).result).toBe('fail');
  });
}

test('a damaged report fails even where the guest is said to have been silent', () => {
  const of = evidence({ outcome: { state: 'silent', report: 'AAAA' } });
  expect(check(of, 'report-present')).toMatchObject({
    status: 'fail',
    detail: 'the report cannot be read: expected base64 of 1184 bytes, got 4 characters',
  });
});

test('what depends on a damaged ID block or ID auth is not claimed', () => {
  const of = evidence({ sent: { idBlock: 'AAAA', idAuth: 'AAAA' } });
  const open = [
    'report-id-key-digest',
    'report-author-key-digest',
    'report-family-id',
    'report-image-id',
    'report-guest-svn',
  ];
  for (const name of open) expect(check(of, name)?.status, name).toBe('not-applicable');
});

test('a verdict is the same after a journey through JSON', () => {
  const verdict = judge(prediction, evidence());
  expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
});
