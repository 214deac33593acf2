import { createHash, type KeyObject, sign } from 'node:crypto';
import { ID_AUTH } from '../../lib/abi/id-auth.ts';
import { fieldOf } from '../../lib/abi/layout.ts';
import { snpPublicKey, snpSignature } from '../../lib/identity/ecdsa.ts';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock, type IdBlockContents } from '../../lib/identity/id-block.ts';
import { checkIdentity, type IdentityInputs } from '../../lib/identity/identity-check.ts';
import { generateKey, generateKeys, publicHalf } from '../../lib/identity/keys.ts';
import { diagnoseSignatures } from '../../lib/identity/signature-diagnosis.ts';
import { expect, test } from '../support/test.ts';

const keys = generateKeys();
const launchDigest = Uint8Array.from({ length: 48 }, (_, at) => at);
const contents: IdBlockContents = { launchDigest, policy: 0xb0000n, guestSvn: 3, familyId: new Uint8Array(16).fill(1) };
const idBlock = buildIdBlock(contents);
const idAuth = buildIdAuth({ idBlock, ...keys });

function withField(name: 'idBlockSig' | 'idKeySig', bytes: Uint8Array): Uint8Array {
  const altered = idAuth.slice();
  altered.set(bytes, fieldOf(ID_AUTH, name).at);
  return altered;
}

function rawSignature(message: Uint8Array, key: KeyObject): Buffer {
  return sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' });
}

/** Why the signatures do not hold, by check. */
function why(changes: Partial<IdentityInputs>): Record<string, string> {
  const inputs = { idBlock, idAuth, authorKeyEnabled: true, launchDigest, policy: 0xb0000n, ...changes };
  return Object.fromEntries(diagnoseSignatures(inputs, checkIdentity(inputs)));
}

test('of signatures that hold nothing is said', () => {
  expect(why({})).toEqual({});
});

/** 512 bytes with parts at their offsets. */
function written(...parts: readonly (readonly [at: number, bytes: Uint8Array])[]): Uint8Array {
  const signature = new Uint8Array(512);
  for (const [at, bytes] of parts) signature.set(bytes, at);
  return signature;
}

const rs = rawSignature(idBlock, keys.idKey);
const [r, s] = [new Uint8Array(rs.subarray(0, 48)), new Uint8Array(rs.subarray(48))];
const little = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).reverse();

// How tools have written R and S. Source: virtee/sev-snp-measure, issues 28 and 29.
const WRITTEN: readonly (readonly [signature: Uint8Array, means: string])[] = [
  [written([0, r], [72, s]), 'R and S are big-endian; they must be little-endian'],
  [written([24, r], [96, s]), 'R and S are big-endian; they must be little-endian'],
  [written([0, little(s)], [72, little(r)]), 'R and S are the wrong way around'],
  [written([0, little(r)], [48, little(s)]), 'R and S have 48 bytes each; they must be padded with zeros to 72'],
  [written([0, r], [48, s]), 'R and S are 48 bytes big-endian; they must be 72 little-endian'],
];

for (const [index, [signature, means]] of WRITTEN.entries()) {
  test(`a signature written wrongly, way ${index + 1}, is told as that: ${means}`, () => {
    expect(why({ idAuth: withField('idBlockSig', signature) })).toEqual({ 'id-block-signature': means });
  });
}

const sha384 = (bytes: Uint8Array): Buffer => createHash('sha384').update(bytes).digest();
const blockSignedOver = (message: Uint8Array, key = keys.idKey): Partial<IdentityInputs> => ({
  idAuth: withField('idBlockSig', snpSignature(rawSignature(message, key))),
});
const keySignedOver = (message: Uint8Array, key = keys.authorKey): Partial<IdentityInputs> => ({
  idAuth: withField('idKeySig', snpSignature(rawSignature(message, key))),
});
const publicIdKey = snpPublicKey(keys.idKey);
const spki = publicHalf(keys.idKey, 'ID key').export({ type: 'spki', format: 'der' });

const SIGNED: readonly (readonly [what: string, changes: Partial<IdentityInputs>, check: string, means: RegExp])[] = [
  ['the hash', blockSignedOver(sha384(idBlock)), 'id-block-signature', /SHA-384 was made twice/],
  [
    'the hex',
    blockSignedOver(Buffer.from(Buffer.from(idBlock).toString('hex'))),
    'id-block-signature',
    /of the hex text/,
  ],
  [
    'the block by the author',
    blockSignedOver(idBlock, keys.authorKey),
    'id-block-signature',
    /author key signed the block/,
  ],
  ['the key in DER', keySignedOver(spki), 'id-key-signature', /of the key in DER/],
  ['the point', keySignedOver(spki.subarray(-97)), 'id-key-signature', /of the point of the key/],
  ['the key cut short', keySignedOver(publicIdKey.subarray(0, 0x94)), 'id-key-signature', /without its reserved bytes/],
  ['the key by itself', keySignedOver(publicIdKey, keys.idKey), 'id-key-signature', /ID key signed itself/],
];

for (const [what, changes, check, means] of SIGNED) {
  test(`a signature over ${what} is told as that`, () => {
    const reasons = why(changes);
    expect(Object.keys(reasons)).toEqual([check]);
    expect(reasons[check]).toMatch(means);
  });
}

/** A block that was signed as it is by others, and changed then. */
const CHANGED: readonly (readonly [change: Partial<IdBlockContents>, means: RegExp])[] = [
  [{ policy: 0x30000n }, /signed with the policy 0xb0000$/],
  [{ launchDigest: new Uint8Array(48).fill(9) }, /signed with the launch digest of this launch$/],
  [{ launchDigest: new Uint8Array(48), policy: 1n }, /launch digest of this launch and the policy 0xb0000$/],
  [{ version: 2 }, /signed with version 1$/],
];

for (const [change, means] of CHANGED) {
  test(`a block whose ${Object.keys(change).join(' and ')} was changed after signing is told as that`, () => {
    expect(why({ idBlock: buildIdBlock({ ...contents, ...change }) })['id-block-signature']).toMatch(means);
  });
}

test('a policy that sev-snp-measure signed and somebody changed is told, though the launch has it', () => {
  const signed = buildIdBlock({ ...contents, policy: 0x30000n });
  const changed = buildIdAuth({ idBlock: signed, ...keys });
  expect(why({ idAuth: changed })['id-block-signature']).toMatch(/signed with the policy 0x30000$/);
});

test('of a signature by an unknown key, or over something else, nothing is made up', () => {
  expect(why(blockSignedOver(idBlock, generateKey()))).toEqual({});
  expect(why(blockSignedOver(Buffer.from('something else')))).toEqual({});
  expect(why({ idAuth: withField('idBlockSig', new Uint8Array(512)) })).toEqual({});
});
