import type { KeyObject } from 'node:crypto';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { ALGO_ECDSA_P384_SHA384, ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE, ID_AUTH, type IdAuth } from '../abi/id-auth.ts';
import { ID_BLOCK_VERSION, type IdBlock } from '../abi/id-block.ts';
import { fieldOf, type Layout, reservedViolations } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { likeness } from './digest-text.ts';
import { publicKeyOf, signatureHolds } from './ecdsa.ts';
import { GUEST_POLICY_BITS } from './guest-policy.ts';
import { parseIdAuth } from './id-auth.ts';
import { parseIdBlock } from './id-block.ts';

/** What is checked, in the order in which published firmware looks; the last two it does not look at. */
export const IDENTITY_CHECKS = [
  'launch-digest',
  'policy',
  'id-key-algo',
  'auth-key-algo',
  'id-key',
  'id-block-signature',
  'author-key-enabled',
  'author-key',
  'id-key-signature',
  'id-block-version',
  'reserved',
] as const;
export type IdentityCheckName = (typeof IDENTITY_CHECKS)[number];

/** One thing that must hold of an ID block and its ID auth. */
export interface IdentityResult {
  name: IdentityCheckName;
  /** not-applicable: it cannot be told, or does not matter, for the reason in `detail`. */
  status: 'pass' | 'fail' | 'not-applicable';
  detail: string;
  /** What published firmware answers where this is the first that is wrong; null: it does not look at it. */
  refusal: FirmwareStatus | null;
}

/** An ID block, its ID auth, and what they are held against. */
export interface IdentityInputs {
  /** 96 bytes. */
  idBlock: Uint8Array;
  /** 4096 bytes. */
  idAuth: Uint8Array;
  /** AUTH_KEY_EN, as author-key-enabled of QEMU sets it. */
  authorKeyEnabled: boolean;
  /** 48 bytes; null: not known, so that the digest of the block is not checked. */
  launchDigest: Uint8Array | null;
  /** The policy of the launch; null: not known. */
  policy: bigint | null;
}

type Claim = Pick<IdentityResult, 'status' | 'detail'> & { refusal?: FirmwareStatus | null };

const { BAD_MEASUREMENT, POLICY_FAILURE, INVALID_PARAM, BAD_SIGNATURE } = FIRMWARE_STATUS;

/** Source: AMD 56860, SNP_LAUNCH_FINISH; version and reserved bytes as published firmware (Genoa, 2023) treats them. */
const REFUSALS: Readonly<Record<IdentityCheckName, FirmwareStatus | null>> = {
  'launch-digest': BAD_MEASUREMENT,
  policy: POLICY_FAILURE,
  'id-key-algo': INVALID_PARAM,
  'auth-key-algo': INVALID_PARAM,
  'id-key': BAD_SIGNATURE,
  'id-block-signature': BAD_SIGNATURE,
  'author-key-enabled': BAD_SIGNATURE,
  'author-key': BAD_SIGNATURE,
  'id-key-signature': BAD_SIGNATURE,
  'id-block-version': null,
  reserved: null,
};

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const right = (detail: string): Claim => ({ status: 'pass', detail });
const wrong = (detail: string): Claim => ({ status: 'fail', detail });
const unsaid = (detail: string): Claim => ({ status: 'not-applicable', detail });

function digestClaim({ launchDigest: got }: IdBlock, expected: Uint8Array | null): Claim {
  if (expected === null) return unsaid('no launch digest is given to compare with');
  if (equal(got, expected)) return right(`the launch digest is ${hexOf(expected)}`);
  const like = likeness(expected, got);
  const both = `the block holds ${hexOf(got)}, the launch has ${hexOf(expected)}`;
  return wrong(like === null ? both : `${both}: ${like}`);
}

/** The fields in which two policies differ: `DEBUG is set in the block`. */
function policyDifferences(block: bigint, launch: bigint): string {
  const changed = block ^ launch;
  const version = (policy: bigint): string => `${(policy >> 8n) & 0xffn}.${policy & 0xffn}`;
  const isChanged = (bit: number): boolean => ((changed >> BigInt(bit)) & 1n) === 1n;
  const numbers = Array.from({ length: 48 }, (_, index) => index + 16).filter(isChanged);
  const bits = numbers.map((bit) => {
    const name = GUEST_POLICY_BITS.find((row) => row.bit === bit)?.name ?? `reserved bit ${bit}`;
    return `${name} is ${((block >> BigInt(bit)) & 1n) === 1n ? 'set' : 'clear'} in the block`;
  });
  const abi =
    (changed & 0xffffn) === 0n ? [] : [`ABI is ${version(block)} in the block and ${version(launch)} at launch`];
  return [...abi, ...bits].join(', ');
}

function policyClaim({ policy: got }: IdBlock, expected: bigint | null): Claim {
  if (expected === null) return unsaid('no policy of the launch is given to compare with');
  const hex = (policy: bigint): string => `0x${policy.toString(16)}`;
  if (got === expected) return right(`the policy is ${hex(expected)}`);
  return wrong(
    `the block was made for ${hex(got)}, the launch has ${hex(expected)}: ${policyDifferences(got, expected)}`,
  );
}

function algoClaim(algo: number): Claim {
  if (algo === ALGO_ECDSA_P384_SHA384) return right('ECDSA P-384 with SHA-384');
  return wrong(`expected algorithm ${ALGO_ECDSA_P384_SHA384}, got ${algo}`);
}

/** A key of the ID auth: usable, or why it is not. */
type Key = { key: KeyObject } | { why: string };

function keyOf(snpKey: Uint8Array): Key {
  if (isZero(snpKey)) return { why: 'there is none: all its bytes are zero' };
  try {
    return { key: publicKeyOf(snpKey, { reserved: 'keep' }) };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return { why: error.what };
  }
}

function keyClaim(key: Key): Claim {
  return 'key' in key ? right('a point of P-384') : wrong(key.why);
}

function signatureClaim(signature: Uint8Array, message: Uint8Array, key: Key, says: string): Claim {
  if ('why' in key) return unsaid('it cannot be verified, for the key is not usable');
  if (isZero(signature)) return wrong('there is none: all its bytes are zero');
  return signatureHolds(signature, message, key.key, { reserved: 'keep' }) ? right(says) : wrong(`not so: ${says}`);
}

/** Is there an author key where one is enabled, and none where it is not? */
function enabledClaim({ authorKey, authKeyAlgo }: IdAuth, authorKeyEnabled: boolean): Claim {
  const present = !isZero(authorKey);
  if (authorKeyEnabled && !present) {
    // The algorithm is looked at before the key.
    const refusal = authKeyAlgo === ALGO_ECDSA_P384_SHA384 ? BAD_SIGNATURE : INVALID_PARAM;
    return { ...wrong('the author key is enabled, and the ID auth has none'), refusal };
  }
  if (present && !authorKeyEnabled) {
    const detail =
      'the ID auth has an author key that is not enabled: the firmware ignores it, and reports carry no digest of it';
    return { ...wrong(detail), refusal: null };
  }
  return right(present ? 'the author key is there, and enabled' : 'no author key, and none enabled');
}

/** Must-be-zero bytes that are set, in the ID auth and in the keys and signatures inside it. */
function reservedClaim(idAuth: Uint8Array): Claim {
  const inside = (name: (typeof ID_AUTH)[number]['name'], layout: Layout): string[] => {
    const { at, bytes } = fieldOf(ID_AUTH, name);
    return reservedViolations(layout, idAuth.subarray(at, at + bytes)).map((row) => `${name}: ${row}`);
  };
  const set = [
    ...reservedViolations(ID_AUTH, idAuth),
    ...inside('idBlockSig', ECDSA_SIGNATURE),
    ...inside('idKey', ECDSA_PUBLIC_KEY),
    ...inside('idKeySig', ECDSA_SIGNATURE),
    ...inside('authorKey', ECDSA_PUBLIC_KEY),
  ];
  return set.length === 0 ? right('all zero') : wrong(`set, and must be zero: ${set.join(', ')}`);
}

/**
 * Holds an ID block and its ID auth against a launch as the firmware does at the end of it, without one: everything, not only
 * the first that is wrong. What follows from something else that is wrong is not told: a signature of a key that is not usable
 * cannot be verified, and an author key that is absent or not enabled is not looked at.
 * @returns one result a check, in the order of IDENTITY_CHECKS, which is the firmware's   @throws HarnessError LAYOUT_LENGTH
 * Source: AMD 56860, SNP_LAUNCH_FINISH
 */
export function checkIdentity(inputs: IdentityInputs): IdentityResult[] {
  const { idBlock, idAuth, authorKeyEnabled } = inputs;
  const block = parseIdBlock(idBlock);
  const auth = parseIdAuth(idAuth, { reserved: 'keep' });
  const idKey = keyOf(auth.idKey);
  const authorKey = keyOf(auth.authorKey);
  const absent = isZero(auth.authorKey);
  const ofAuthor = (claim: () => Claim): Claim => {
    if (!authorKeyEnabled) return unsaid('the author key is not enabled');
    return absent ? unsaid('there is no author key') : claim();
  };
  const claims: Record<IdentityCheckName, Claim> = {
    'launch-digest': digestClaim(block, inputs.launchDigest),
    policy: policyClaim(block, inputs.policy),
    'id-key-algo': algoClaim(auth.idKeyAlgo),
    'auth-key-algo': ofAuthor(() => algoClaim(auth.authKeyAlgo)),
    'id-key': keyClaim(idKey),
    'id-block-signature': signatureClaim(auth.idBlockSig, idBlock, idKey, 'the ID key signed the ID block'),
    'author-key-enabled': enabledClaim(auth, authorKeyEnabled),
    'author-key': ofAuthor(() => keyClaim(authorKey)),
    'id-key-signature': ofAuthor(() =>
      signatureClaim(auth.idKeySig, auth.idKey, authorKey, 'the author key signed the ID key'),
    ),
    'id-block-version':
      block.version === ID_BLOCK_VERSION
        ? right(`version ${ID_BLOCK_VERSION}`)
        : wrong(`expected version ${ID_BLOCK_VERSION}, got ${block.version}`),
    reserved: reservedClaim(idAuth),
  };
  return IDENTITY_CHECKS.map((name) => ({ name, refusal: REFUSALS[name], ...claims[name] }));
}

/**
 * What published firmware answers: the status of the first that is wrong in its order. null: it launches.
 * Source: AMD 56860, SNP_LAUNCH_FINISH. An author key that is enabled and absent has its algorithm looked at before the ID key.
 */
export function firmwareAnswer(results: readonly IdentityResult[]): IdentityResult | null {
  const refused = results.filter(({ status, refusal }) => status === 'fail' && refusal !== null);
  return refused.find(({ refusal }) => refusal !== BAD_SIGNATURE) ?? refused[0] ?? null;
}

/** Does a result say that a launch is wrong? Not where the firmware merely ignores an author key that is there. */
export function isWrongForLaunch({ name, status, refusal }: IdentityResult): boolean {
  return status === 'fail' && !(name === 'author-key-enabled' && refusal === null);
}
