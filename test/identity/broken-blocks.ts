import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE, ID_AUTH } from '../../lib/abi/id-auth.ts';
import { fieldOf, type Layout, serialiseLayout } from '../../lib/abi/layout.ts';
import { signMessage, snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { IDENTITY_CHECKS, type IdentityCheckName, type IdentityInputs } from '../../lib/identity/identity-check.ts';
import { generateKeys } from '../../lib/identity/keys.ts';

const keys = generateKeys();
const others = generateKeys();

/** How a made block is broken: which aspects, and a source of choices for each. */
export interface Breakage {
  broken: ReadonlySet<IdentityCheckName>;
  /** Is there an author key, where author-key-enabled is not what is broken? */
  authored: boolean;
  /** One number an aspect: how it is broken, and where. */
  choices: readonly number[];
}

/** Any subset of the aspects, broken in any way. */
export const anyBreakage: fc.Arbitrary<Breakage> = fc.record({
  broken: fc.subarray([...IDENTITY_CHECKS]).map((names) => new Set(names)),
  authored: fc.boolean(),
  choices: fc.array(fc.nat({ max: 1_000_000 }), {
    minLength: IDENTITY_CHECKS.length,
    maxLength: IDENTITY_CHECKS.length,
  }),
});

function flipBit(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}

/** One of several ways, and what is left of the number to choose by within it. */
function choose<T>(ways: readonly ((rest: number) => T)[], choice: number): T {
  const way = ways[choice % ways.length];
  if (way === undefined) throw new Error('no ways to choose from');
  return way(Math.floor(choice / ways.length));
}

/** A key that is none, in every way in which one can be. */
function brokenKey(key: Uint8Array, choice: number): Uint8Array {
  return choose<Uint8Array>(
    [
      (rest) => flipBit(key, rest % 4, Math.floor(rest / 4) % 8),
      (rest) => flipBit(key, 4 + (rest % 48), Math.floor(rest / 48) % 8),
      (rest) => flipBit(key, 0x4c + (rest % 48), Math.floor(rest / 48) % 8),
      (rest) => flipBit(key, 4 + 48 + (rest % 24), Math.floor(rest / 24) % 8),
    ],
    choice,
  );
}

/** A signature that does not hold, in every way in which one can fail to. */
function brokenSignature(signature: Uint8Array, message: Uint8Array, other: KeyObject, choice: number): Uint8Array {
  return choose<Uint8Array>(
    [
      (rest) => flipBit(signature, rest % 48, Math.floor(rest / 48) % 8),
      (rest) => flipBit(signature, 72 + (rest % 48), Math.floor(rest / 48) % 8),
      (rest) => flipBit(signature, 48 + (rest % 24), Math.floor(rest / 24) % 8),
      () => signMessage(message, other, 'another key'),
      () => new Uint8Array(512),
    ],
    choice,
  );
}

/** Sets a bit of a must-be-zero row of a structure at `from` of the ID auth. */
function setReserved(idAuth: Uint8Array, from: number, layout: Layout, choice: number): void {
  const rows = layout.filter(({ type }) => type === 'mbz');
  const row = rows[choice % rows.length];
  if (row === undefined) throw new Error('a layout without reserved bytes');
  const at = from + row.at + (Math.floor(choice / rows.length) % row.bytes);
  idAuth[at] = (idAuth[at] ?? 0) | (1 << (choice % 8));
}

/** What a launch is, whose block is made: any digest and policy do. */
const LAUNCH = { launchDigest: Uint8Array.from({ length: 48 }, (_, at) => at * 5 + 1), policy: 0x30000n };

function brokenBlock({ broken, choices }: Breakage): Uint8Array {
  const [digest = 0, policy = 0, version = 0] = choices;
  return buildIdBlock({
    launchDigest: broken.has('launch-digest')
      ? flipBit(LAUNCH.launchDigest, digest % 48, Math.floor(digest / 48) % 8)
      : LAUNCH.launchDigest,
    policy: broken.has('policy') ? LAUNCH.policy ^ (1n << BigInt(policy % 64)) : LAUNCH.policy,
    version: broken.has('id-block-version') ? version + 2 : 1,
    guestSvn: 7,
  });
}

/**
 * A block that is broken in exactly these aspects: whatever one of them changes is signed anew, unless the signature is what
 * is broken.
 */
export function breakBlock(breakage: Breakage): IdentityInputs {
  const { broken, choices } = breakage;
  const choiceOf = (name: IdentityCheckName): number => choices[IDENTITY_CHECKS.indexOf(name)] ?? 0;
  const wrongAlgo = (name: IdentityCheckName): number => (broken.has(name) ? choiceOf(name) + 2 : 1);
  const disagree = broken.has('author-key-enabled');
  const present = disagree ? choiceOf('author-key-enabled') % 2 === 0 : breakage.authored;
  const authorKeyEnabled = present !== disagree;

  const idBlock = brokenBlock(breakage);
  const idKey = snpPublicKey(keys.idKey);
  const usedIdKey = broken.has('id-key') ? brokenKey(idKey, choiceOf('id-key')) : idKey;
  const reservedPlaces = [
    { from: 0, layout: ID_AUTH },
    { from: fieldOf(ID_AUTH, 'idBlockSig').at, layout: ECDSA_SIGNATURE },
    { from: fieldOf(ID_AUTH, 'idKey').at, layout: ECDSA_PUBLIC_KEY },
    { from: fieldOf(ID_AUTH, 'idKeySig').at, layout: ECDSA_SIGNATURE },
    ...(present ? [{ from: fieldOf(ID_AUTH, 'authorKey').at, layout: ECDSA_PUBLIC_KEY }] : []),
  ];
  const reservedPlace = reservedPlaces[choiceOf('reserved') % reservedPlaces.length];

  const blockSignature = signMessage(idBlock, keys.idKey, 'ID key');
  const idAuth = serialiseLayout(
    ID_AUTH,
    {
      idKeyAlgo: wrongAlgo('id-key-algo'),
      idBlockSig: broken.has('id-block-signature')
        ? brokenSignature(blockSignature, idBlock, others.idKey, choiceOf('id-block-signature'))
        : blockSignature,
      idKey: usedIdKey,
    },
    'ID auth',
  );
  const set = (name: 'authKeyAlgo' | 'authorKey' | 'idKeySig', bytes: Uint8Array): void =>
    idAuth.set(bytes, fieldOf(ID_AUTH, name).at);
  if (broken.has('reserved') && reservedPlace !== undefined) {
    setReserved(idAuth, reservedPlace.from, reservedPlace.layout, Math.floor(choiceOf('reserved') / 5));
  }
  if (!present) return { idBlock, idAuth, authorKeyEnabled, ...LAUNCH };

  const algo = Buffer.alloc(4);
  algo.writeUInt32LE(wrongAlgo('auth-key-algo'));
  set('authKeyAlgo', algo);
  const authorKey = snpPublicKey(keys.authorKey);
  const usedAuthorKey = broken.has('author-key') ? brokenKey(authorKey, choiceOf('author-key')) : authorKey;
  const { at, bytes } = fieldOf(ID_AUTH, 'idKey');
  // The author signs the ID key as it stands there, broken or not.
  const signedKey = idAuth.slice(at, at + bytes);
  const keySignature = signMessage(signedKey, keys.authorKey, 'author key');
  const usedSignature = broken.has('id-key-signature')
    ? brokenSignature(keySignature, signedKey, others.authorKey, choiceOf('id-key-signature'))
    : keySignature;
  // Reserved bytes inside author key and signature stay set.
  const merge = (name: 'authorKey' | 'idKeySig', value: Uint8Array): void => {
    const from = fieldOf(ID_AUTH, name).at;
    set(
      name,
      value.map((byte, index) => byte | (idAuth[from + index] ?? 0)),
    );
  };
  merge('authorKey', usedAuthorKey);
  merge('idKeySig', usedSignature);
  return { idBlock, idAuth, authorKeyEnabled, ...LAUNCH };
}

/** What a broken aspect makes untellable, so that it is not named where both are broken. */
const HIDES: Readonly<Partial<Record<IdentityCheckName, readonly IdentityCheckName[]>>> = {
  'id-key': ['id-block-signature'],
  'author-key': ['id-key-signature'],
  'author-key-enabled': ['auth-key-algo', 'author-key', 'id-key-signature'],
};

/** The checks that must fail, in order: those broken, without those that another hides or that were not there to break. */
export function expectedFailures({ broken, authored }: Breakage): IdentityCheckName[] {
  const hidden = new Set(IDENTITY_CHECKS.filter((name) => broken.has(name)).flatMap((name) => HIDES[name] ?? []));
  const absent = broken.has('author-key-enabled') || authored ? [] : (HIDES['author-key-enabled'] ?? []);
  return IDENTITY_CHECKS.filter((name) => broken.has(name) && !hidden.has(name) && !absent.includes(name));
}
