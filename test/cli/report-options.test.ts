import { Command } from 'commander';
import type { Wanted } from '../../lib/attestation/want.ts';
import { addVerifyOptions, type VerifyOptions } from '../../lib/cli/verify-options.ts';
import { addWantOptions, WANT_OPTIONS } from '../../lib/cli/want-options.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

/** What the options of a command line ask for. */
async function parsed(args: readonly string[]): Promise<{ want: Wanted; options: VerifyOptions }> {
  let want: Wanted = {};
  const command = new Command('verify').exitOverride().configureOutput({ writeErr: () => undefined });
  addVerifyOptions(command);
  addWantOptions(command, (add) => {
    want = add(want);
  });
  await command.parseAsync([...args], { from: 'user' });
  return { want, options: command.opts() };
}

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const TCB = { bootLoader: 4, tee: 0, snp: 24, microcode: 219 };

/** Every option once, and what it asks for. */
const ASKED: readonly (readonly [string[], Wanted])[] = [
  [['--report-data', 'DA'.repeat(64)], { reportData: bytes(64, 0xda) }],
  [['--nonce', 'ff'], { reportData: Uint8Array.of(0xff, ...bytes(63, 0)) }],
  [['--measurement', 'ee'.repeat(48)], { measurement: bytes(48, 0xee) }],
  [['--host-data', '05'.repeat(32)], { hostData: bytes(32, 5) }],
  [['--policy', '0x30000'], { policy: 0x30000n }],
  [['--policy-set', 'SMT, rapl_dis'], { policySet: ['SMT', 'RAPL_DIS'] }],
  [['--policy-clear', 'DEBUG,MIGRATE_MA'], { policyClear: ['DEBUG', 'MIGRATE_MA'] }],
  [['--policy-abi', '1.55'], { policyAbi: { major: 1, minor: 55 } }],
  [['--vmpl', '2'], { vmpl: 2 }],
  [
    ['--id-key-digest', '01'.repeat(48), '--id-key-digest', '02'.repeat(48)],
    { idKeyDigests: [bytes(48, 1), bytes(48, 2)] },
  ],
  [['--author-key-digest', '03'.repeat(48)], { authorKeyDigests: [bytes(48, 3)] }],
  [['--require-id-block'], { idBlock: 'required' }],
  [['--require-author-key'], { authorKey: 'required' }],
  [['--family-id', '04'.repeat(16)], { familyId: bytes(16, 4) }],
  [['--image-id', '05'.repeat(16)], { imageId: bytes(16, 5) }],
  [['--min-guest-svn', '7'], { minGuestSvn: 7 }],
  [['--report-id', '06'.repeat(32)], { reportId: bytes(32, 6) }],
  [['--report-id-ma', 'none'], { reportIdMa: 'none' }],
  [['--report-id-ma', '07'.repeat(32)], { reportIdMa: bytes(32, 7) }],
  [['--chip-id', '08'.repeat(64)], { chipIds: [bytes(64, 8)] }],
  [['--csp-id', 'CN=cc-us-east-2.amazonaws.com'], { cspId: 'CN=cc-us-east-2.amazonaws.com' }],
  [['--product', 'Turin'], { product: 'Turin' }],
  [['--signing-key', 'VLEK'], { signingKey: 'VLEK' }],
  [
    ['--min-tcb', 'bl=4,tee=0,snp=24,ucode=219'],
    { minTcb: { reported: TCB, committed: TCB, current: TCB, launch: TCB } },
  ],
  [['--min-reported-tcb', 'blSPL=4, TEESPL=0, snpSPL=24, ucodeSPL=219'], { minTcb: { reported: TCB } }],
  [['--min-committed-tcb', 'bootloader=4,tee=0,snp=24,microcode=219'], { minTcb: { committed: TCB } }],
  [['--min-current-tcb', 'fmc=1'], { minTcb: { current: { fmc: 1 } } }],
  [['--min-launch-tcb', 'ucode=255'], { minTcb: { launch: { microcode: 255 } } }],
  [['--refuse-provisional'], { provisional: 'refused' }],
  [['--min-firmware', '1.55'], { minFirmware: { major: 1, minor: 55, build: 0 } }],
  [['--min-committed-firmware', '1.55.29'], { minCommittedFirmware: { major: 1, minor: 55, build: 29 } }],
  [['--platform-set', 'ECC_EN'], { platformSet: ['ECC_EN'] }],
  [['--platform-clear', 'tsme_en,TIO_EN'], { platformClear: ['TSME_EN', 'TIO_EN'] }],
  [['--refuse-unknown-bits'], { unknownBits: 'refused' }],
  [['--launch-mitigations', '0x3f'], { launchMitVector: 0x3fn }],
  [['--current-mitigations', '1'], { currentMitVector: 1n }],
];

for (const [args, want] of ASKED) {
  test(`${args[0]} ${args[1]?.slice(0, 30) ?? ''} is read`, async () => {
    expect((await parsed(args)).want).toEqual(want);
  });
}

test('every option that asks something of a report is read in some test', () => {
  const read = new Set(ASKED.flatMap(([args]) => args.filter((arg) => arg.startsWith('--'))));
  expect(WANT_OPTIONS.map(({ flags }) => flags.replace(/ .*/, '')).filter((name) => !read.has(name))).toEqual([]);
});

test('the levels of one TCB stand in place of those of all, in whatever order they come', async () => {
  const own = { reported: { snp: 9 }, committed: { snp: 8 }, current: { snp: 8 }, launch: { snp: 8 } };
  for (const args of [
    ['--min-tcb', 'snp=8', '--min-reported-tcb', 'snp=9'],
    ['--min-reported-tcb', 'snp=9', '--min-tcb', 'snp=8'],
  ]) {
    expect((await parsed(args)).want.minTcb).toEqual(own);
  }
});

test('a moment is a day or a time of UTC', async () => {
  expect((await parsed(['--now', '2026-05-01'])).options.now).toEqual(new Date('2026-05-01T00:00:00Z'));
  expect((await parsed(['--now', '2026-05-01T12:30:15Z'])).options.now).toEqual(new Date('2026-05-01T12:30:15Z'));
});

const WRONG: readonly (readonly [string, string[], RegExp])[] = [
  ['a measurement that is too short', ['--measurement', 'ee'], /^DIGEST_INVALID: /],
  ['a nonce of 65 bytes', ['--nonce', 'aa'.repeat(65)], /^HEX_INVALID: expected 2 to 128 hex digits \(1 to 64 bytes\)/],
  ['half a byte of a nonce', ['--nonce', 'a'], /^HEX_INVALID: expected 2 to 128 hex digits \(1 to 64 bytes\)/],
  ['REPORT_DATA twice', ['--nonce', 'aa', '--report-data', 'aa'.repeat(64)], /^USAGE: REPORT_DATA is asked for twice/],
  ['a bit that does not exist', ['--platform-set', 'ECC'], /^USAGE: there is no bit "ECC"/],
  ['a level that is no level', ['--min-tcb', 'bl=x'], /^USAGE: expected levels like bl=3/],
  ['a level above 255', ['--min-tcb', 'bl=256'], /^USAGE: expected levels like bl=3/],
  ['a component that does not exist', ['--min-launch-tcb', 'spl4=1'], /^USAGE: expected levels like bl=3/],
  ['a component twice', ['--min-tcb', 'bl=3,blSPL=4'], /^USAGE: a component is named twice/],
  ['a version of four parts', ['--min-firmware', '1.55.2.1'], /^USAGE: expected a version like 1.55.29/],
  ['a build above 255', ['--min-firmware', '1.55.256'], /^USAGE: expected a version like 1.55.29/],
  ['a policy of 65 bits', ['--policy', '0x10000000000000000'], /^NUMBER_INVALID: /],
  ['a VMPL of 33 bits', ['--vmpl', '4294967296'], /^NUMBER_INVALID: /],
  ['a day that does not exist', ['--now', '2026-02-31'], /^USAGE: expected a day or a moment/],
  ['a time without a zone', ['--now', '2026-02-01T12:00'], /^USAGE: expected a day or a moment/],
  ['a product that does not exist', ['--product', 'Rome'], /Allowed choices are Milan, Genoa, Turin, Venice/],
];

for (const [what, args, message] of WRONG) {
  test(`${what} is refused`, async () => {
    expect(String((await rejection(parsed(args))) as Error).replace(/^\w+: /, '')).toMatch(message);
  });
}
