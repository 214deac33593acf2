import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ID_AUTH } from '../../lib/abi/id-auth.ts';
import { serialiseLayout } from '../../lib/abi/layout.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { authorKeyDigest, buildIdAuth, idKeyDigest, parseIdAuth } from '../../lib/identity/id-auth.ts';
import { checkIdAuth, type IdAuthResult } from '../../lib/identity/id-auth-check.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { generateKeys, publicHalf } from '../../lib/identity/keys.ts';
import { expect, test } from '../support/test.ts';

const keys = generateKeys();
const idBlock = buildIdBlock({ launchDigest: new Uint8Array(48).fill(7), policy: 0x30000n });
const authored = buildIdAuth({ idBlock, ...keys });
const unauthored = buildIdAuth({ idBlock, idKey: keys.idKey });

/** The names of what failed. */
const failures = (results: readonly IdAuthResult[]): string[] =>
  results.filter(({ status }) => status === 'fail').map(({ name }) => name);

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

test('an ID auth carries algorithm 1 and the public halves of both keys', () => {
  const auth = parseIdAuth(authored);
  expect(auth).toMatchObject({ idKeyAlgo: 1, authKeyAlgo: 1 });
  expect(auth.idKey).toEqual(snpPublicKey(keys.idKey));
  expect(auth.authorKey).toEqual(snpPublicKey(keys.authorKey));
});

test('without an author key its algorithm, signature and key are zero', () => {
  const auth = parseIdAuth(unauthored);
  expect(auth.authKeyAlgo).toBe(0);
  expect(isZero(auth.idKeySig) && isZero(auth.authorKey)).toBe(true);
  expect(isZero(auth.idBlockSig)).toBe(false);
});

test('an ID block that is not 96 bytes is not signed', () => {
  expect(() => buildIdAuth({ idBlock: new Uint8Array(95), ...keys })).toThrow(/^LAYOUT_LENGTH: ID block: /);
});

// Source: AMD 56860, ATTESTATION_REPORT: the digest of the structure, padding and all.
test('a key digest is SHA-384 of all 1028 bytes', () => {
  const key = snpPublicKey(keys.idKey);
  const digest = new Uint8Array(createHash('sha384').update(key).digest());
  expect(idKeyDigest(key)).toEqual(digest);
  expect(authorKeyDigest(key)).toEqual(digest);
  expect(() => idKeyDigest(key.subarray(1))).toThrow('LAYOUT_LENGTH: ID_KEY: expected 1028 bytes, got 1027');
  expect(() => authorKeyDigest(key.subarray(1))).toThrow('LAYOUT_LENGTH: AUTHOR_KEY: expected 1028 bytes, got 1027');
});

test('an ID auth with both keys passes every check', () => {
  const results = checkIdAuth(idBlock, authored, { authorKeyEnabled: true });
  expect(results.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'id-block-version pass',
    'id-key-algo pass',
    'id-key pass',
    'id-block-signature pass',
    'auth-key-algo pass',
    'author-key pass',
    'id-key-signature pass',
    'reserved pass',
  ]);
});

test('with the author key not enabled nothing is claimed of it', () => {
  const results = checkIdAuth(idBlock, unauthored, { authorKeyEnabled: false });
  expect(failures(results)).toEqual([]);
  expect(results.filter(({ status }) => status === 'not-applicable').map(({ name }) => name)).toEqual([
    'auth-key-algo',
    'author-key',
    'id-key-signature',
  ]);
});

test('an enabled author key that is not there fails in all three of its checks', () => {
  const results = checkIdAuth(idBlock, unauthored, { authorKeyEnabled: true });
  expect(failures(results)).toEqual(['auth-key-algo', 'author-key', 'id-key-signature']);
});

test('any flipped bit of the ID block breaks the block signature', () => {
  fc.assert(
    fc.property(fc.nat(95), fc.nat(7), (at, bit) => {
      const altered = idBlock.slice();
      altered[at] = (altered[at] ?? 0) ^ (1 << bit);
      const failed = failures(checkIdAuth(altered, authored, { authorKeyEnabled: true }));
      const version = at >= 0x50 && at < 0x54 ? ['id-block-version'] : [];
      expect(failed).toEqual([...version, 'id-block-signature']);
    }),
  );
});

/** Which checks a flipped bit of each field must fail; a key is also what the author signed. */
const GUARDED: Record<string, readonly string[]> = {
  idKeyAlgo: ['id-key-algo'],
  authKeyAlgo: ['auth-key-algo'],
  reserved8: ['reserved'],
  idBlockSig: ['id-block-signature'],
  idKey: ['id-key', 'id-block-signature', 'id-key-signature'],
  reserved644: ['reserved'],
  idKeySig: ['id-key-signature'],
  authorKey: ['author-key', 'id-key-signature'],
  reservedc84: ['reserved'],
};

for (const field of ID_AUTH) {
  test(`any flipped bit of ${field.name} is found by the checks that guard it`, () => {
    fc.assert(
      fc.property(fc.nat(field.bytes - 1), fc.nat(7), (within, bit) => {
        const altered = authored.slice();
        altered[field.at + within] = (altered[field.at + within] ?? 0) ^ (1 << bit);
        expect(failures(checkIdAuth(idBlock, altered, { authorKeyEnabled: true }))).toEqual(GUARDED[field.name]);
      }),
    );
  });
}

test('an ID auth of any other length is refused with a code', () => {
  for (let bytes = 0; bytes < authored.length; bytes += 1) {
    expect(() => parseIdAuth(authored.subarray(0, bytes))).toThrow(
      `LAYOUT_LENGTH: ID auth: expected 4096 bytes, got ${bytes}`,
    );
  }
  expect(() => checkIdAuth(idBlock, new Uint8Array(4097), { authorKeyEnabled: false })).toThrow(/^LAYOUT_LENGTH: /);
});

test('reserved bytes of an ID auth are refused, or kept on request', () => {
  const altered = authored.slice();
  altered[0x644] = 1;
  expect(() => parseIdAuth(altered)).toThrow(/^LAYOUT_RESERVED: .*reserved644 at offset 0x644/s);
  expect(parseIdAuth(altered, { reserved: 'keep' }).idKey).toEqual(snpPublicKey(keys.idKey));
});

function openssl(args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function opensslIsAbsent(): boolean {
  try {
    openssl(['version']);
    return false;
  } catch {
    return true;
  }
}

/** A 72-byte little-endian scalar as a DER INTEGER. */
function derInteger(field: Uint8Array): Buffer {
  const bytes = Buffer.from(field.slice().reverse());
  const first = bytes.findIndex((byte) => byte !== 0);
  const least = bytes.subarray(first);
  const positive = (least[0] ?? 0) < 0x80 ? least : Buffer.concat([Buffer.of(0), least]);
  return Buffer.concat([Buffer.of(0x02, positive.length), positive]);
}

test('openssl accepts both signatures', () => {
  test.skip(opensslIsAbsent(), 'no openssl on this machine');
  const folder = mkdtempSync(join(tmpdir(), 'snp-conform-id-auth-'));
  try {
    const auth = parseIdAuth(authored);
    const signed = [
      { message: idBlock, signature: auth.idBlockSig, key: keys.idKey },
      { message: auth.idKey, signature: auth.idKeySig, key: keys.authorKey },
    ];
    for (const { message, signature, key } of signed) {
      const body = Buffer.concat([derInteger(signature.subarray(0, 72)), derInteger(signature.subarray(72, 144))]);
      const at = (name: string): string => join(folder, name);
      writeFileSync(at('message'), message);
      writeFileSync(at('signature'), Buffer.concat([Buffer.of(0x30, body.length), body]));
      writeFileSync(at('key.pem'), publicHalf(key, 'key').export({ type: 'spki', format: 'pem' }));
      const verify = ['dgst', '-sha384', '-verify', at('key.pem'), '-signature', at('signature'), at('message')];
      expect(openssl(verify)).toContain('Verified OK');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a wrong version and a wrong algorithm are named with the right one', () => {
  const [block, auth] = [idBlock.slice(), authored.slice()];
  block[0x50] = 7;
  auth[0x00] = 8;
  const details = checkIdAuth(block, auth, { authorKeyEnabled: true }).map(({ name, detail }) => `${name}: ${detail}`);
  expect(details).toContain('id-block-version: expected 1, got 7');
  expect(details).toContain('id-key-algo: expected algorithm 1, got 8');
});

test('an ID auth of zeros fails with named results, not with an error', () => {
  const zeros = serialiseLayout(ID_AUTH, {}, 'ID auth');
  expect(failures(checkIdAuth(idBlock, zeros, { authorKeyEnabled: false }))).toEqual([
    'id-key-algo',
    'id-key',
    'id-block-signature',
  ]);
});
