import { createHash, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { type ExternalSigner, signExternally, signerArgv } from '../../lib/cli/external-signer.ts';
import { HarnessError } from '../../lib/errors.ts';
import { signatureHolds } from '../../lib/identity/ecdsa.ts';
import { generateKey, publicHalf } from '../../lib/identity/keys.ts';
import { testFolder } from '../support/folder.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const key: KeyObject = generateKey();
const message = new Uint8Array(96).fill(5);
const request = { message, publicKey: publicHalf(key, 'ID key'), role: 'ID key' } as const;

/** A program of a line of JavaScript, in which `digest` is what it was given. */
function program(code: string, timeoutMs = 20_000): ExternalSigner {
  const path = inFolder(`signer-${createHash('sha256').update(code).digest('hex').slice(0, 8)}.cjs`);
  writeFileSync(path, `const digest = require('fs').readFileSync(0);\n${code}\n`);
  return { argv: [process.execPath, path], timeoutMs, option: '--signer' };
}

async function failure(signer: ExternalSigner): Promise<HarnessError> {
  try {
    await signExternally(signer, request);
  } catch (error) {
    if (error instanceof HarnessError) return error;
    throw error;
  }
  throw new Error('it signed');
}

test('a program that signs the digest with the named key gives a signature for the ID auth', async () => {
  const keyFile = inFolder('key.pem');
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }));
  const signer: ExternalSigner = {
    argv: ['openssl', 'pkeyutl', '-sign', '-inkey', keyFile],
    timeoutMs: 20_000,
    option: '--signer',
  };
  const signature = await signExternally(signer, request);
  expect(signature).toHaveLength(512);
  expect(signatureHolds(signature, message, request.publicKey)).toBe(true);
});

test('a program is told what to sign on standard input, and with which key in its environment', async () => {
  const digest = createHash('sha384').update(message).digest('hex');
  const error = await failure(
    program(`console.error(digest.toString('hex'), process.env.SNP_CONFORM_SIGNING_KEY); process.exit(3);`),
  );
  expect(error.code).toBe('SIGNER_FAILED');
  expect(error.what).toBe(`ID key: the signer ended with exit code 3: ${digest} id-key`);
});

test('a program that does not answer in time is ended, and so is one that writes without end', async () => {
  const slow = await failure(program('setInterval(() => undefined, 1000);', 300));
  expect(slow).toMatchObject({ code: 'SIGNER_FAILED', what: 'the signer did not answer within 0.3 seconds' });
  const endless = await failure(program(`for (;;) require('fs').writeSync(1, 'A'.repeat(65536));`));
  expect(endless).toMatchObject({ code: 'SIGNER_FAILED' });
  expect(endless.what).toContain('more than 4096 bytes');
});

test('what a program writes is verified before it is used', async () => {
  const nonsense = await failure(program(`process.stdout.write('no such token');`));
  expect(nonsense.code).toBe('SIGNATURE_INVALID');
  const nothing = await failure(program(''));
  expect(nothing.message).toContain('the signer gave 0 bytes that are no P-384 signature');
  const twice = await failure(
    program(
      `const { createPrivateKey, sign } = require('crypto');
       const key = createPrivateKey(${JSON.stringify(key.export({ type: 'pkcs8', format: 'pem' }))});
       process.stdout.write(sign('sha384', digest, key));`,
    ),
  );
  expect(twice.message).toMatch(/a signature \(DER\) that is not of this digest[\s\S]*not hash it once more/);
});

test('a program that is not there is the input, one that fails is the lab', async () => {
  const missing = await failure({ argv: ['/nonesuch/signer'], timeoutMs: 1000, option: '--signer' });
  expect(missing).toMatchObject({ code: 'USAGE', kind: 'configuration' });
  expect((await failure(program('process.exit(1);'))).kind).toBe('infrastructure');
});

test('the words of a program are split as a shell would, and nothing is run by one', () => {
  expect(signerArgv(`pkcs11 --label 'my key' "a b"\\ c`, '--signer')).toEqual(['pkcs11', '--label', 'my key', 'a b c']);
  for (const text of ['a | b', 'a; b', 'a && b', 'sign $KEY', 'sign `id`', 'sign *.pem', '', '   ']) {
    expect(
      errorCodeOf(() => signerArgv(text, '--signer')),
      text,
    ).toBe('USAGE');
  }
  expect(errorCodeOf(() => signerArgv("sign 'open", '--signer'))).toBe('ARGV_INVALID');
});
