import { generateKeyPairSync } from 'node:crypto';
import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { authorKeyDigest, buildIdAuth, idKeyDigest } from '../../lib/identity/id-auth.ts';
import { buildIdBlock, type IdBlockContents } from '../../lib/identity/id-block.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { expect, test } from '../support/test.ts';
import { PLAIN_FINISH, PLATFORM, POLICY, page, startedGuest } from './platform.ts';

const keys = generateKeys();
/** One page is enough of a launch here. */
function measuredGuest() {
  const guest = startedGuest();
  launchUpdate(guest, PLATFORM, page(1));
  return guest;
}
const DIGEST = measuredGuest().launchDigest;
const OTHER_DIGEST = new Uint8Array(48).fill(1);

/** Offsets of ID auth. Source: AMD 56860, ID authentication information structure. */
const AT = {
  idKeyAlgo: 0,
  authKeyAlgo: 4,
  idBlockSig: 0x40,
  idKey: 0x240,
  idKeySig: 0x680,
  authorKey: 0x880,
  end: 0xc84,
};

interface Case {
  block?: Partial<IdBlockContents>;
  /** Bits of ID auth that are flipped after signing. */
  auth?: readonly (readonly [at: number, bits: number])[];
  authorKeyEnabled?: boolean;
  withoutAuthor?: boolean;
}

function finish({ block, auth = [], authorKeyEnabled = true, withoutAuthor = false }: Case) {
  const idBlock = buildIdBlock({ launchDigest: DIGEST, policy: POLICY, ...block });
  const idAuth = buildIdAuth({ idBlock, idKey: keys.idKey, authorKey: withoutAuthor ? undefined : keys.authorKey });
  for (const [at, bits] of auth) idAuth[at] = (idAuth[at] ?? 0) ^ bits;
  return { ...PLAIN_FINISH, idBlock, idAuth, authorKeyEnabled };
}

const statusOf = (launch: Case): string => firmwareStatusName(launchFinish(measuredGuest(), finish(launch)));

const wrongDigest = { launchDigest: OTHER_DIGEST };
const wrongPolicy = { policy: POLICY | 1n };
const badSignature = [[AT.idBlockSig + 3, 1]] as const;
const badAlgorithm = [[AT.idKeyAlgo, 3]] as const;

/** First wrong thing wins. Source: AMD 56860, SNP_LAUNCH_FINISH; AMD's published firmware for the whole order. */
const CASES: readonly [title: string, launch: Case, status: string][] = [
  ['all is right', {}, 'SUCCESS'],
  [
    'everything is wrong',
    { block: { ...wrongDigest, ...wrongPolicy }, auth: [...badAlgorithm, ...badSignature] },
    'BAD_MEASUREMENT',
  ],
  ['only the digest is wrong', { block: wrongDigest }, 'BAD_MEASUREMENT'],
  [
    'policy, algorithm and signature are wrong',
    { block: wrongPolicy, auth: [...badAlgorithm, ...badSignature] },
    'POLICY_FAILURE',
  ],
  ['only the policy is wrong', { block: wrongPolicy }, 'POLICY_FAILURE'],
  ['algorithm and signature are wrong', { auth: [...badAlgorithm, ...badSignature] }, 'INVALID_PARAM'],
  ['the author key has another algorithm', { auth: [[AT.authKeyAlgo, 1], ...badSignature] }, 'INVALID_PARAM'],
  [
    'the author key has another algorithm and is not enabled',
    { auth: [[AT.authKeyAlgo, 1]], authorKeyEnabled: false },
    'SUCCESS',
  ],
  ['the signature of the ID block is wrong', { auth: badSignature }, 'BAD_SIGNATURE'],
  ['the padding of R is set', { auth: [[AT.idBlockSig + 48, 1]] }, 'BAD_SIGNATURE'],
  ['the ID key names secp256k1', { auth: [[AT.idKey, 3]] }, 'BAD_SIGNATURE'],
  [
    'the ID key is no point of the curve',
    {
      auth: [[AT.idKey + 4, 1]],
    },
    'BAD_SIGNATURE',
  ],
  ['the author signed another ID key', { auth: [[AT.idKeySig + 3, 1]] }, 'BAD_SIGNATURE'],
  [
    'the author signed another ID key and is not enabled',
    { auth: [[AT.idKeySig + 3, 1]], authorKeyEnabled: false },
    'SUCCESS',
  ],
  ['the author key names another curve', { auth: [[AT.authorKey, 3]] }, 'BAD_SIGNATURE'],
  ['the author is enabled and absent', { withoutAuthor: true }, 'INVALID_PARAM'],
  ['there is no author', { withoutAuthor: true, authorKeyEnabled: false }, 'SUCCESS'],
  [
    'reserved bytes of ID auth are set',
    {
      auth: [
        [0x10, 1],
        [AT.end, 1],
      ],
    },
    'SUCCESS',
  ],
];

for (const [title, launch, status] of CASES) {
  test(`${title}: ${status}`, () => {
    expect(statusOf(launch)).toBe(status);
  });
}

test('R and S of all zeros, or all ones, are a bad signature and no accident', () => {
  for (const value of [0, 0xff]) {
    const launch = finish({});
    for (const at of [AT.idBlockSig, AT.idBlockSig + 72]) launch.idAuth.fill(value, at, at + 48);
    expect(launchFinish(measuredGuest(), launch)).toBe(FIRMWARE_STATUS.BAD_SIGNATURE);
  }
});

// Source: AMD 56860, SNP_LAUNCH_FINISH: on failure the guest stays in launch and the command may be repeated.
test('after a refusal nothing is kept, and the right block is accepted', () => {
  const guest = measuredGuest();
  const before = structuredClone(guest);
  for (const wrong of [{ block: wrongDigest }, { block: wrongPolicy }, { auth: badSignature }]) {
    expect(launchFinish(guest, finish(wrong))).not.toBe(FIRMWARE_STATUS.SUCCESS);
    expect(guest).toEqual(before);
  }
  expect(launchFinish(guest, finish({ block: { guestSvn: 3 } }))).toBe(FIRMWARE_STATUS.SUCCESS);
  expect(guest.state).toBe('running');
  expect(guest.idBlock?.guestSvn).toBe(3);
  expect(guest.idKeyDigest).toEqual(idKeyDigest(snpPublicKey(keys.idKey)));
  expect(guest.authorKeyDigest).toEqual(authorKeyDigest(snpPublicKey(keys.authorKey)));
});

test('an author key that is not enabled leaves no digest', () => {
  const guest = measuredGuest();
  launchFinish(guest, finish({ authorKeyEnabled: false }));
  expect(guest.authorKeyDigest).toEqual(new Uint8Array(48));
  expect(guest.authorKeyEnabled).toBe(false);
});

test('a valid block signed by a stranger is accepted: whose key it is the report tells', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const idBlock = buildIdBlock({ launchDigest: DIGEST, policy: POLICY });
  const guest = measuredGuest();
  const idAuth = buildIdAuth({ idBlock, idKey: privateKey });
  expect(launchFinish(guest, { ...PLAIN_FINISH, idBlock, idAuth })).toBe(FIRMWARE_STATUS.SUCCESS);
  expect(guest.idKeyDigest).not.toEqual(idKeyDigest(snpPublicKey(keys.idKey)));
});

test('the host data of a running guest are what finish was given, not the memory it stood in', () => {
  const guest = startedGuest();
  const hostData = Buffer.alloc(32, 7);
  launchFinish(guest, { ...PLAIN_FINISH, hostData });
  hostData.fill(0);
  expect(Buffer.from(guest.hostData)).toEqual(Buffer.alloc(32, 7));
});
