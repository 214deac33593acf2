import type { AttestationReport } from '../../lib/abi/report.ts';
import { REPORT_CHECKS, type ReportCheckName } from '../../lib/attestation/checks.ts';
import type { ReportVerdict } from '../../lib/attestation/verify.ts';
import type { Wanted } from '../../lib/attestation/want.ts';
import { expect, test } from '../support/test.ts';
import { CHIP_ID, CSP_ID, type MadeFor } from './made-chain.ts';
import { madeFields } from './made-report.ts';
import { failures, verified } from './scenario.ts';

/** What is asked of a made report, once so that it holds and once so that exactly one check fails. */
interface Question {
  check: ReportCheckName;
  holds: Wanted;
  broken: Wanted;
  of?: MadeFor;
}

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** The made report has bootLoader 4, tee 1, snp 24, microcode 219. */
const TCB = { bootLoader: 4, tee: 1, snp: 24, microcode: 219 };

const QUESTIONS: readonly Question[] = [
  { check: 'report-data', holds: { reportData: bytes(64, 0xda) }, broken: { reportData: bytes(64, 0xdb) } },
  { check: 'measurement', holds: { measurement: bytes(48, 0xee) }, broken: { measurement: bytes(48, 0) } },
  { check: 'host-data', holds: { hostData: bytes(32, 5) }, broken: { hostData: bytes(32, 6) } },
  { check: 'policy', holds: { policy: 0x13_0137n }, broken: { policy: 0x3_0000n } },
  { check: 'policy-set', holds: { policySet: ['SMT', 'SINGLE_SOCKET'] }, broken: { policySet: ['SMT', 'RAPL_DIS'] } },
  { check: 'policy-clear', holds: { policyClear: ['DEBUG', 'MIGRATE_MA'] }, broken: { policyClear: ['DEBUG', 'SMT'] } },
  {
    check: 'policy-abi',
    holds: { policyAbi: { major: 1, minor: 55 } },
    broken: { policyAbi: { major: 1, minor: 56 } },
  },
  { check: 'policy-abi', holds: { policyAbi: { major: 0, minor: 99 } }, broken: { policyAbi: { major: 2, minor: 0 } } },
  { check: 'vmpl', holds: { vmpl: 1 }, broken: { vmpl: 0 } },
  {
    check: 'id-key-digest',
    holds: { idKeyDigests: [bytes(48, 0), bytes(48, 0x1d)] },
    broken: { idKeyDigests: [bytes(48, 0), bytes(48, 1)] },
  },
  { check: 'id-key-digest', holds: {}, broken: { idKeyDigests: [] } },
  {
    check: 'author-key-digest',
    holds: { authorKeyDigests: [bytes(48, 0xad)] },
    broken: { authorKeyDigests: [bytes(48, 0)] },
  },
  { check: 'family-id', holds: { familyId: bytes(16, 0xfa) }, broken: { familyId: bytes(16, 0) } },
  { check: 'image-id', holds: { imageId: bytes(16, 0x1a) }, broken: { imageId: bytes(16, 0) } },
  { check: 'guest-svn', holds: { minGuestSvn: 7 }, broken: { minGuestSvn: 8 } },
  { check: 'report-id', holds: { reportId: bytes(32, 0x1f) }, broken: { reportId: bytes(32, 0) } },
  { check: 'report-id-ma', holds: { reportIdMa: 'none' }, broken: { reportIdMa: bytes(32, 1) } },
  { check: 'chip-id-allowed', holds: { chipIds: [bytes(64, 0), CHIP_ID] }, broken: { chipIds: [bytes(64, 0)] } },
  { check: 'product-wanted', holds: { product: 'Milan' }, broken: { product: 'Genoa' } },
  { check: 'signing-key-wanted', holds: { signingKey: 'VCEK' }, broken: { signingKey: 'VLEK' } },
  { check: 'signing-key-wanted', of: 'Milan VLEK', holds: { signingKey: 'VLEK' }, broken: { signingKey: 'VCEK' } },
  { check: 'csp-id', of: 'Milan VLEK', holds: { cspId: CSP_ID }, broken: { cspId: 'CN=cc-other.example' } },
  { check: 'csp-id', holds: {}, broken: { cspId: CSP_ID } },
  ...(['reported', 'committed', 'current', 'launch'] as const).flatMap((which) =>
    (['bootLoader', 'tee', 'snp', 'microcode'] as const).map(
      (component): Question => ({
        check: `min-${which}-tcb`,
        holds: { minTcb: { [which]: TCB } },
        broken: { minTcb: { [which]: { [component]: TCB[component] + 1 } } },
      }),
    ),
  ),
  {
    check: 'min-reported-tcb',
    of: 'Turin VCEK',
    holds: { minTcb: { reported: { fmc: 1, bootLoader: 3, tee: 2, snp: 5, microcode: 97 } } },
    broken: { minTcb: { reported: { fmc: 2 } } },
  },
  { check: 'min-reported-tcb', holds: { minTcb: { reported: {} } }, broken: { minTcb: { reported: { fmc: 1 } } } },
  {
    check: 'firmware',
    holds: { minFirmware: { major: 1, minor: 55, build: 29 } },
    broken: { minFirmware: { major: 1, minor: 55, build: 30 } },
  },
  {
    check: 'firmware',
    holds: { minFirmware: { major: 1, minor: 54, build: 200 } },
    broken: { minFirmware: { major: 2, minor: 0, build: 0 } },
  },
  {
    check: 'committed-firmware',
    holds: { minCommittedFirmware: { major: 0, minor: 200, build: 200 } },
    broken: { minCommittedFirmware: { major: 1, minor: 56, build: 0 } },
  },
  {
    check: 'platform-set',
    holds: { platformSet: ['SMT_EN', 'ALIAS_CHECK_COMPLETE'] },
    broken: { platformSet: ['ALIAS_CHECK_COMPLETE', 'TSME_EN'] },
  },
  { check: 'platform-clear', holds: { platformClear: ['TIO_EN'] }, broken: { platformClear: ['SMT_EN', 'TIO_EN'] } },
  { check: 'launch-mitigations', of: 'Turin VCEK', holds: { launchMitVector: 3n }, broken: { launchMitVector: 4n } },
  { check: 'launch-mitigations', holds: {}, broken: { launchMitVector: 0n } },
  {
    check: 'current-mitigations',
    of: 'Turin VCEK',
    holds: { currentMitVector: 7n },
    broken: { currentMitVector: 15n },
  },
];

function checkOf({ checks }: ReportVerdict, name: ReportCheckName) {
  return checks.find((check) => check.name === name);
}

function asking(want: Wanted, of: MadeFor = 'Milan VCEK', fields: Partial<AttestationReport> = {}): ReportVerdict {
  return verified({ of, fields, input: () => ({ want }) });
}

const isEmpty = (want: Wanted): boolean => Object.keys(want).length === 0;
const shown = (want: Wanted): string =>
  JSON.stringify(want, (_, value) =>
    value instanceof Uint8Array
      ? `${value[0]}*${value.length}`
      : typeof value === 'bigint'
        ? `0x${value.toString(16)}`
        : value,
  );

for (const { check, holds, broken, of } of QUESTIONS) {
  test(`${check} holds for ${shown(holds)} and fails for ${shown(broken)}, and nothing else does${of ? ` (${of})` : ''}`, () => {
    const good = asking(holds, of);
    expect(good.result).toBe('pass');
    expect(checkOf(good, check)?.status).toBe(isEmpty(holds) ? 'not-applicable' : 'pass');
    const bad = asking(broken, of);
    expect(failures(bad)).toEqual([check]);
    expect(bad).toMatchObject({ result: 'fail', genuine: 'yes', wanted: 'no' });
  });
}

test('what was not asked for is said to be so, with the value that is there', () => {
  const verdict = asking({});
  expect(verdict.nothingAsked).toBe(true);
  expect(checkOf(verdict, 'measurement')).toMatchObject({
    status: 'not-applicable',
    observed: 'ee'.repeat(48),
    detail: 'not asked for',
  });
  expect(asking({ vmpl: 1 }).nothingAsked).toBe(false);
});

test('a guest that may be debugged is pointed out where nobody asked', () => {
  expect(checkOf(asking({}, 'Milan VCEK', { policy: 0xb_0000n }), 'policy-clear')).toMatchObject({
    status: 'not-applicable',
    detail: expect.stringContaining('DEBUG is allowed'),
  });
});

/** What must hold of every report, asked for or not. */
const ALWAYS: readonly (readonly [string, ReportCheckName, Partial<AttestationReport>, Wanted?])[] = [
  ['bit 17 of POLICY clear', 'policy-reserved', { policy: 0x1_0000n }],
  ['a bit of POLICY that has no meaning', 'policy-reserved', { policy: 0x8000_0000_0003_0000n }],
  ['AUTHOR_KEY_EN without a digest', 'author-key', { authorKeyDigest: bytes(48, 0) }],
  ['an author key digest without AUTHOR_KEY_EN', 'author-key', { keyInfo: 0 }],
  [
    'no author key where one is required',
    'author-key',
    { keyInfo: 0, authorKeyDigest: bytes(48, 0) },
    { authorKey: 'required' },
  ],
  ['no ID block where one is required', 'id-block', { idKeyDigest: bytes(48, 0) }, { idBlock: 'required' }],
  ['CURRENT_TCB behind COMMITTED_TCB in one component', 'tcb-order', { currentTcb: 0xdb18_0000_0000_0004n }],
  [
    'COMMITTED_TCB behind REPORTED_TCB in a lower component',
    'tcb-order',
    { committedTcb: 0xdc18_0000_0000_0004n, currentTcb: 0xdc18_0000_0000_0104n },
  ],
  ['firmware older than the committed one', 'firmware-order', { currentBuild: 28 }],
  [
    'provisional firmware where it is refused',
    'provisional',
    { currentTcb: 0xdc18_0000_0000_0104n },
    { provisional: 'refused' },
  ],
  [
    'unknown bits of PLATFORM_INFO where they are refused',
    'platform-unknown',
    { platformInfo: 0x125n },
    { unknownBits: 'refused' },
  ],
  [
    'unknown bytes of a TCB where they are refused',
    'tcb-unknown',
    { launchTcb: 0xdb18_0001_0000_0104n },
    { unknownBits: 'refused' },
  ],
];

for (const [what, check, fields, want] of ALWAYS) {
  test(`${what} is refused by ${check}`, () => {
    expect(failures(asking(want ?? {}, 'Milan VCEK', fields))).toEqual([check]);
  });
}

const TOLERATED: readonly (readonly [string, ReportCheckName, Partial<AttestationReport>, Wanted?])[] = [
  ['firmware that runs ahead of what is committed', 'provisional', { currentTcb: 0xdc18_0000_0000_0104n }],
  ['a launch on firmware that was older', 'min-launch-tcb', { launchTcb: 0xd118_0000_0000_0104n }],
  ['unknown bits of PLATFORM_INFO', 'platform-unknown', { platformInfo: 0x125n }],
  ['unknown bytes of a TCB', 'tcb-unknown', { launchTcb: 0xdb18_0001_0000_0104n }],
  [
    'an unknown bit of POLICY that was asked for',
    'policy-reserved',
    { policy: 0x8000_0000_0003_0000n },
    { policy: 0x8000_0000_0003_0000n },
  ],
  ['a migration agent', 'report-id-ma', { reportIdMa: bytes(32, 1) }],
];

for (const [what, check, fields, want] of TOLERATED) {
  test(`${what} is shown by ${check} and refused only where that is asked for`, () => {
    const verdict = asking(want ?? {}, 'Milan VCEK', fields);
    expect(verdict.result).toBe('pass');
    expect(checkOf(verdict, check)?.status).toBe('not-applicable');
  });
}

test('bit 6 of PLATFORM_INFO, which real Turin chips set, is no unknown bit', () => {
  const verdict = asking({ unknownBits: 'refused', platformSet: ['IOMMU_WRITE_SAFE'] }, 'Turin VCEK', {
    platformInfo: 0x65n,
  });
  expect(verdict.result).toBe('pass');
});

test('a CHIP_ID that is allowed says nothing of the certificate, nor the other way round', () => {
  const other = { chipId: bytes(64, 9) };
  expect(failures(asking({ chipIds: [bytes(64, 9)] }, 'Milan VCEK', other))).toEqual(['chip-id']);
});

test('of a version whose fields are not known, what is asked for fails and what is not stays open', () => {
  const verdict = asking({ ...madeWant, authorKey: 'required' }, 'Milan VCEK', { version: 6 });
  expect(failures(verdict)).toEqual(expect.arrayContaining(['version', 'measurement', 'policy', 'vmpl', 'author-key']));
  expect(verdict.checks.filter(({ layer, status }) => layer === 'wanted' && status === 'pass')).toEqual([]);
});

/** What the made report holds. */
const madeWant: Wanted = {
  measurement: bytes(48, 0xee),
  policy: 0x13_0137n,
  vmpl: 1,
  minGuestSvn: 1,
  unknownBits: 'refused',
};

test('every check of the second question fails in some test', () => {
  const failing = new Set<string>([...QUESTIONS.map(({ check }) => check), ...ALWAYS.map(([, check]) => check)]);
  const idle = REPORT_CHECKS.filter(({ layer, name }) => layer === 'wanted' && !failing.has(name));
  expect(idle).toEqual([]);
});

test('the fields of the made report are what these tests take them for', () => {
  expect(madeFields()).toMatchObject({ reportedTcb: 0xdb18_0000_0000_0104n, policy: 0x13_0137n, vmpl: 1 });
});
