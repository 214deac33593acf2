import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLaunchDigest } from '../../lib/identity/digest-text.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { assembleIdAuth, authorKeyDigest, buildIdAuth, idKeyDigest, parseIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { checkIdentity } from '../../lib/identity/identity-check.ts';
import { generateKeys, publicHalf } from '../../lib/identity/keys.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { SEV_SNP_MEASURE, VIRTEE_SEV } from './published-blocks.ts';

const keys = generateKeys();
const idBlock = buildIdBlock({ launchDigest: new Uint8Array(48).fill(7), policy: 0x30000n });
const authored = buildIdAuth({ idBlock, ...keys });
const unauthored = buildIdAuth({ idBlock, idKey: keys.idKey });

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

test('an ID auth of any other length is refused with a code', () => {
  const lengths = [...Array(authored.length).keys(), authored.length + 1];
  const padded = new Uint8Array(authored.length + 1);
  const codes = lengths.map((bytes) => errorCodeOf(() => parseIdAuth(padded.subarray(0, bytes))));
  expect(new Set(codes)).toEqual(new Set(['LAYOUT_LENGTH']));
  expect(() => parseIdAuth(padded)).toThrow('LAYOUT_LENGTH: ID auth: expected 4096 bytes, got 4097');
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

/** The INTEGERs of a DER signature or the halves of a point, big-endian hex, as 72 bytes little-endian. */
function littleEndian(hex: string): Buffer {
  const field = Buffer.alloc(72);
  Buffer.from(hex.padStart(96, '0').slice(-96), 'hex').reverse().copy(field);
  return field;
}

/** A key that openssl made, and what it says of it; nothing of this project reads or writes any of it. */
function opensslKey(folder: string, name: string): { path: string; amdKey: Buffer } {
  const path = join(folder, name);
  openssl(['ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', path]);
  const spki = execFileSync('openssl', ['ec', '-in', path, '-pubout', '-outform', 'DER'], { stdio: 'pipe' });
  const point = spki.subarray(-96).toString('hex');
  const curve = Buffer.from([2, 0, 0, 0]);
  const amdKey = [curve, littleEndian(point.slice(0, 96)), littleEndian(point.slice(96)), Buffer.alloc(880)];
  return { path, amdKey: Buffer.concat(amdKey) };
}

/** What openssl signs with a key, in the layout of AMD; R and S are read off its own ASN.1 dump. */
function opensslSignature(folder: string, keyPath: string, message: Uint8Array): Buffer {
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('message'), message);
  openssl(['dgst', '-sha384', '-sign', keyPath, '-out', at('signature'), at('message')]);
  const dump = openssl(['asn1parse', '-inform', 'DER', '-in', at('signature')]);
  const [r = '', s = ''] = [...dump.matchAll(/INTEGER +:([0-9A-F]+)/g)].map((match) => match[1] ?? '');
  return Buffer.concat([littleEndian(r), littleEndian(s), Buffer.alloc(368)]);
}

test('an ID block and ID auth made with openssl alone pass every check here', () => {
  test.skip(opensslIsAbsent(), 'no openssl on this machine');
  const folder = mkdtempSync(join(tmpdir(), 'snp-conform-id-auth-'));
  try {
    const [id, author] = [opensslKey(folder, 'id.pem'), opensslKey(folder, 'author.pem')];
    const launchDigest = new Uint8Array(48).fill(0xd1);
    const policy = Buffer.alloc(8);
    policy.writeBigUInt64LE(0xb0137n);
    const numbers = Buffer.from([1, 0, 0, 0, 9, 0, 0, 0]);
    const block = Buffer.concat([launchDigest, Buffer.alloc(16, 0xfa), Buffer.alloc(16, 0x1a), numbers, policy]);
    const algorithms = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0]);
    const auth = Buffer.concat([
      algorithms,
      Buffer.alloc(56),
      opensslSignature(folder, id.path, block),
      id.amdKey,
      Buffer.alloc(60),
      opensslSignature(folder, author.path, id.amdKey),
      author.amdKey,
      Buffer.alloc(892),
    ]);
    const results = checkIdentity({
      idBlock: new Uint8Array(block),
      idAuth: new Uint8Array(auth),
      authorKeyEnabled: true,
      launchDigest,
      policy: 0xb0137n,
    });
    expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(results).toHaveLength(11);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an ID block has 0x60 bytes and an ID auth 4096, which is what QEMU takes in base64', () => {
  expect([idBlock.length, authored.length, unauthored.length]).toEqual([0x60, 4096, 4096]);
  expect([idBlock, authored].map((bytes) => Buffer.from(bytes).toString('base64').length)).toEqual([128, 5464]);
});

// Source: virtee/sev, tests/id-block.rs, and virtee/sev-snp-measure, tests/test_id_block.py: their expected values.
test('blocks and key digests are those that other implementations make', () => {
  for (const published of [VIRTEE_SEV, SEV_SNP_MEASURE]) {
    const { digest } = readLaunchDigest(published.launchDigest, 'published');
    expect(buildIdBlock({ launchDigest: digest, policy: 0x30000n })).toEqual(published.idBlock);
  }
  const { idKey, authorKey } = parseIdAuth(VIRTEE_SEV.idAuth);
  expect(idKeyDigest(idKey)).toEqual(VIRTEE_SEV.idKeyDigest);
  expect(authorKeyDigest(authorKey)).toEqual(VIRTEE_SEV.authorKeyDigest);
});

test('an ID auth put together from signatures made elsewhere is the one that is signed here', () => {
  const { idBlockSig, idKeySig } = parseIdAuth(authored);
  const idKey = { key: publicHalf(keys.idKey, 'ID key'), signature: idBlockSig };
  const authorKey = { key: publicHalf(keys.authorKey, 'author key'), signature: idKeySig };
  expect(assembleIdAuth({ idKey, authorKey })).toEqual(authored);
  expect(() => assembleIdAuth({ idKey: { ...idKey, signature: new Uint8Array(511) } })).toThrow(/^LAYOUT_VALUE: /);
});
