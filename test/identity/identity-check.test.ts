import fc from 'fast-check';
import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import { ID_AUTH } from '../../lib/abi/id-auth.ts';
import { serialiseLayout } from '../../lib/abi/layout.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import {
  checkIdentity,
  firmwareAnswer,
  IDENTITY_CHECKS,
  type IdentityInputs,
  type IdentityResult,
  isWrongForLaunch,
} from '../../lib/identity/identity-check.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { PLAIN_FINISH, startedGuest } from '../firmware/platform.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { anyBreakage, type Breakage, breakBlock, expectedFailures } from './broken-blocks.ts';
import { VIRTEE_SEV } from './published-blocks.ts';

const keys = generateKeys();
const launchDigest = new Uint8Array(48).fill(7);
const policy = 0x30000n;
const idBlock = buildIdBlock({ launchDigest, policy });
const authored = buildIdAuth({ idBlock, ...keys });
const unauthored = buildIdAuth({ idBlock, idKey: keys.idKey });
const good: IdentityInputs = { idBlock, idAuth: authored, authorKeyEnabled: true, launchDigest, policy };

/** The names of what failed. */
const failures = (results: readonly IdentityResult[]): string[] =>
  results.filter(({ status }) => status === 'fail').map(({ name }) => name);
const failing = (changes: Partial<IdentityInputs>): string[] => failures(checkIdentity({ ...good, ...changes }));
const detailOf = (changes: Partial<IdentityInputs>, name: string): string | undefined =>
  checkIdentity({ ...good, ...changes }).find((result) => result.name === name)?.detail;

function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  const altered = bytes.slice();
  altered[at] = (altered[at] ?? 0) ^ (1 << bit);
  return altered;
}

/** What the emulated firmware, which shares no code with the check, answers at the end of such a launch. */
function emulatedAnswer({ idBlock, idAuth, authorKeyEnabled, ...launch }: IdentityInputs): number {
  const guest = startedGuest(launch.policy ?? undefined);
  guest.launchDigest = launch.launchDigest ?? guest.launchDigest;
  return launchFinish(guest, { ...PLAIN_FINISH, idBlock, idAuth, authorKeyEnabled });
}

const foretold = (inputs: IdentityInputs): number =>
  firmwareAnswer(checkIdentity(inputs))?.refusal ?? FIRMWARE_STATUS.SUCCESS;

test('an ID block that virtee/sev made passes every check', () => {
  const results = checkIdentity({
    ...VIRTEE_SEV,
    authorKeyEnabled: true,
    launchDigest: new Uint8Array(Buffer.from(VIRTEE_SEV.launchDigest, 'hex')),
    policy: 0x30000n,
  });
  expect(results.map(({ name, status }) => `${name} ${status}`)).toEqual(IDENTITY_CHECKS.map((name) => `${name} pass`));
});

test('an ID block made here passes every check, with an author key and without', () => {
  expect(failing({})).toEqual([]);
  expect(failing({ idAuth: unauthored, authorKeyEnabled: false })).toEqual([]);
  expect(firmwareAnswer(checkIdentity(good))).toBeNull();
});

test('with no author key nothing is claimed of it', () => {
  const results = checkIdentity({ ...good, idAuth: unauthored, authorKeyEnabled: false });
  expect(results.filter(({ status }) => status === 'not-applicable').map(({ name }) => name)).toEqual([
    'auth-key-algo',
    'author-key',
    'id-key-signature',
  ]);
});

test('without digest and policy of the launch the rest is checked all the same', () => {
  const results = checkIdentity({ ...good, launchDigest: null, policy: null });
  expect(results.filter(({ status }) => status === 'not-applicable').map(({ name }) => name)).toEqual([
    'launch-digest',
    'policy',
  ]);
  expect(failing({ launchDigest: null, policy: null, idAuth: flipped(authored, 0x40) })).toEqual([
    'id-block-signature',
  ]);
});

// The acceptance: whatever is broken is named, and nothing else.
const BLOCKS = tries(250, 1_000);
test(`${BLOCKS} blocks, broken in any subset of aspects, fail in exactly those`, () => {
  fc.assert(
    fc.property(anyBreakage, (breakage) => {
      expect(failures(checkIdentity(breakBlock(breakage)))).toEqual(expectedFailures(breakage));
    }),
    { numRuns: BLOCKS },
  );
});

test('the status that is foretold is the one that the emulated firmware gives', () => {
  fc.assert(
    fc.property(anyBreakage, (breakage) => {
      const inputs = breakBlock(breakage);
      expect(foretold(inputs)).toBe(emulatedAnswer(inputs));
    }),
    { numRuns: 60 },
  );
});

for (const name of IDENTITY_CHECKS) {
  test(`${name} alone is named, whichever way it is broken, and its status foretold`, () => {
    for (let choice = 0; choice < 12; choice += 1) {
      const breakage: Breakage = {
        broken: new Set([name]),
        authored: true,
        choices: IDENTITY_CHECKS.map(() => choice * 7 + choice),
      };
      const inputs = breakBlock(breakage);
      expect(failures(checkIdentity(inputs)), `choice ${choice}`).toEqual([name]);
      if (choice < 4) expect(foretold(inputs)).toBe(emulatedAnswer(inputs));
    }
  });
}

// Source: AMD 56860, SNP_LAUNCH_FINISH: digest, policy, algorithms, ID key and block, author key and ID key.
test('of several wrong at once the firmware answers with the first in its order', () => {
  const everything: Breakage = {
    broken: new Set(IDENTITY_CHECKS),
    authored: true,
    choices: IDENTITY_CHECKS.map(() => 2),
  };
  const without = (...names: string[]): string | undefined => {
    const broken = new Set(IDENTITY_CHECKS.filter((name) => name !== 'author-key-enabled' && !names.includes(name)));
    return firmwareAnswer(checkIdentity(breakBlock({ ...everything, broken })))?.name;
  };
  expect(without()).toBe('launch-digest');
  expect(without('launch-digest')).toBe('policy');
  expect(without('launch-digest', 'policy')).toBe('id-key-algo');
  expect(without('launch-digest', 'policy', 'id-key-algo')).toBe('auth-key-algo');
  expect(without('launch-digest', 'policy', 'id-key-algo', 'auth-key-algo')).toBe('id-key');
});

test('what published firmware does not look at is wrong, and refused by nobody', () => {
  const version = buildIdBlock({ launchDigest, policy, version: 2 });
  const results = checkIdentity({ ...good, idBlock: version, idAuth: buildIdAuth({ idBlock: version, ...keys }) });
  expect(failures(results)).toEqual(['id-block-version']);
  expect(firmwareAnswer(results)).toBeNull();
});

test('a changed block fails in what was changed and in its signature', () => {
  expect(failing({ idBlock: flipped(idBlock, 0) })).toEqual(['launch-digest', 'id-block-signature']);
  expect(failing({ idBlock: flipped(idBlock, 0x5a, 3) })).toEqual(['policy', 'id-block-signature']);
  expect(failing({ idBlock: flipped(idBlock, 0x50) })).toEqual(['id-block-signature', 'id-block-version']);
  for (const at of [0x30, 0x40, 0x54])
    expect(failing({ idBlock: flipped(idBlock, at) })).toEqual(['id-block-signature']);
});

/** Which checks a flipped bit of each part must fail, with no new signature; an ID key is also what the author signed. */
const GUARDED: readonly (readonly [part: string, at: number, bytes: number, checks: readonly string[]])[] = [
  ['ID_KEY_ALGO', 0x000, 4, ['id-key-algo']],
  ['AUTH_KEY_ALGO', 0x004, 4, ['auth-key-algo']],
  ['the first reserved bytes', 0x008, 56, ['reserved']],
  ['R and S of ID_BLOCK_SIG', 0x040, 144, ['id-block-signature']],
  ['the rest of ID_BLOCK_SIG', 0x0d0, 368, ['reserved']],
  ['curve and point of ID_KEY', 0x240, 148, ['id-key', 'id-key-signature']],
  ['the rest of ID_KEY', 0x2d4, 880, ['id-key-signature', 'reserved']],
  ['the second reserved bytes', 0x644, 60, ['reserved']],
  ['R and S of ID_KEY_SIG', 0x680, 144, ['id-key-signature']],
  ['the rest of ID_KEY_SIG', 0x710, 368, ['reserved']],
  ['curve and point of AUTHOR_KEY', 0x880, 148, ['author-key']],
  ['the rest of AUTHOR_KEY', 0x914, 880, ['reserved']],
  ['the last reserved bytes', 0xc84, 892, ['reserved']],
];

test('the parts are the whole ID auth', () => {
  let end = 0;
  for (const [part, at, bytes] of GUARDED) {
    expect(at, part).toBe(end);
    end = at + bytes;
  }
  expect(end).toBe(4096);
});

for (const [part, from, bytes, checks] of GUARDED) {
  test(`any flipped bit of ${part} is found by ${checks.join(' and ')}`, () => {
    fc.assert(
      fc.property(fc.nat(bytes - 1), fc.nat(7), (within, bit) => {
        expect(failing({ idAuth: flipped(authored, from + within, bit) })).toEqual(checks);
      }),
      { numRuns: 25 },
    );
  });
}

test('an author key that is enabled and absent is one fault, and the firmware refuses its algorithm first', () => {
  const results = checkIdentity({ ...good, idAuth: unauthored });
  expect(failures(results)).toEqual(['author-key-enabled']);
  expect(firmwareAnswer(results)?.refusal).toBe(FIRMWARE_STATUS.INVALID_PARAM);
  expect(emulatedAnswer({ ...good, idAuth: unauthored })).toBe(FIRMWARE_STATUS.INVALID_PARAM);
});

test('an author key that is there and not enabled is told, though the firmware launches it', () => {
  const results = checkIdentity({ ...good, authorKeyEnabled: false });
  expect(failures(results)).toEqual(['author-key-enabled']);
  expect(firmwareAnswer(results)).toBeNull();
  expect(results.some(isWrongForLaunch)).toBe(false);
  expect(emulatedAnswer({ ...good, authorKeyEnabled: false })).toBe(FIRMWARE_STATUS.SUCCESS);
});

test('an ID auth of zeros fails with named results, not with an error', () => {
  const zeros = serialiseLayout(ID_AUTH, {}, 'ID auth');
  expect(failing({ idAuth: zeros, authorKeyEnabled: false })).toEqual(['id-key-algo', 'id-key']);
  expect(detailOf({ idAuth: zeros }, 'id-key')).toBe('there is none: all its bytes are zero');
});

test('details say both values, and how they differ', () => {
  const other = buildIdBlock({ launchDigest: launchDigest.slice().reverse(), policy: 0xa0137n });
  expect(detailOf({ idBlock: other }, 'policy')).toBe(
    'the block was made for 0xa0137, the launch has 0x30000: ABI is 1.55 in the block and 0.0 at launch, SMT is clear in the block, DEBUG is set in the block',
  );
  const swapped = Uint8Array.from({ length: 48 }, (_, at) => at);
  const block = buildIdBlock({ launchDigest: swapped.slice().reverse(), policy });
  expect(detailOf({ idBlock: block, launchDigest: swapped }, 'launch-digest')).toContain('the other way around');
  expect(detailOf({ idBlock: flipped(idBlock, 0x50) }, 'id-block-version')).toBe('expected version 1, got 0');
  expect(detailOf({ idAuth: flipped(authored, 0x240, 1) }, 'id-key')).toContain('expected curve 2, got 0');
  expect(detailOf({ idAuth: flipped(authored, 0xd0) }, 'reserved')).toContain('idBlockSig: reserved90 at offset 0x90');
});

test('block and auth of any other length are refused with a code', () => {
  expect(() => checkIdentity({ ...good, idBlock: new Uint8Array(95) })).toThrow(/^LAYOUT_LENGTH: ID block: /);
  expect(() => checkIdentity({ ...good, idAuth: new Uint8Array(4097) })).toThrow(/^LAYOUT_LENGTH: ID auth: /);
});
