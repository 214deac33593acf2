import { lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { idKeyDigest } from '../../lib/identity/id-auth.ts';
import { readPrivateKey, readPublicKey } from '../../lib/identity/key-text.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const SOURCE = { role: 'key', where: 'test' };

test('keygen writes a P-384 key that its owner alone may read, and prints its digest alone', async () => {
  const path = inFolder('id.pem');
  const run = await runHere(['keygen', path]);
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toBe(`wrote ${path}: a P-384 key, PKCS #8 in PEM, not encrypted\n`);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const key = readPrivateKey(await readFile(path), SOURCE);
  const digest = Buffer.from(idKeyDigest(snpPublicKey(key))).toString('hex');
  expect(run.stdout).toBe(`${digest}\n`);
  expect((await runHere(['key-digest', path])).stdout).toBe(run.stdout);
});

test('keygen writes over nothing: no file, and no link to where none is yet', async () => {
  const taken = inFolder('taken.pem');
  await writeFile(taken, 'mine');
  const link = inFolder('link.pem');
  await symlink(inFolder('elsewhere.pem'), link);
  for (const path of [taken, link]) {
    const run = await runHere(['keygen', path]);
    expect(run.exitCode).toBe(2);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain('OUTPUT_UNWRITABLE: there is a file already');
  }
  expect(await readFile(taken, 'utf8')).toBe('mine');
  // Nor is a private key left behind whose public half could not be written.
  const beside = inFolder('beside.pem');
  expect((await runHere(['keygen', beside, '--public-key', taken])).exitCode).toBe(2);
  await expect(lstat(beside)).rejects.toThrow(/ENOENT/);
  await expect(lstat(inFolder('elsewhere.pem'))).rejects.toThrow(/ENOENT/);
});

test('keygen encrypts with a passphrase from a file or a variable, and writes the public key', async () => {
  const secret = inFolder('secret');
  await writeFile(secret, 'hush hush\n', { mode: 0o600 });
  const path = inFolder('encrypted.pem');
  const publicPath = inFolder('encrypted.pub.pem');
  const run = await runHere(['keygen', path, '--passphrase-file', secret, '--public-key', publicPath, '--json']);
  expect(JSON.parse(run.stdout)).toMatchObject({ encrypted: true, format: 'pkcs8' });
  const key = readPrivateKey(await readFile(path), SOURCE, Buffer.from('hush hush'));
  expect(snpPublicKey(readPublicKey(await readFile(publicPath), SOURCE))).toEqual(snpPublicKey(key));
  const digest = await runHere(['key-digest', path, '--passphrase-env', 'KEY_PASS'], { KEY_PASS: 'hush hush' });
  expect(digest.stdout.trim()).toBe(JSON.parse(run.stdout).keyDigest);
  expect((await runHere(['key-digest', publicPath])).stdout).toBe(digest.stdout);
});

test('keygen and key-digest tell what is wrong with a passphrase, and never take one as an argument', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['keygen', inFolder('a.pem'), '--passphrase', 'hush'], /USAGE: a passphrase is never taken from the command line/],
    [
      ['keygen', inFolder('a.pem'), '--passphrase-env', 'NOT_SET'],
      /KEY_PASSPHRASE: the environment variable .*not set/,
    ],
    [['keygen', inFolder('a.pem'), '--passphrase-file', inFolder('none')], /FILE_UNREADABLE/],
    [['key-digest', inFolder('encrypted.pem')], /KEY_PASSPHRASE: .*encrypted, and no passphrase is given/],
  ];
  await writeFile(inFolder('secret'), 'hush hush\n');
  await runHere(['keygen', inFolder('encrypted.pem'), '--passphrase-file', inFolder('secret')]);
  for (const [args, message] of cases) {
    const run = await runHere(args);
    expect(run.exitCode, args.join(' ')).toBe(2);
    expect(run.stderr).toMatch(message);
    expect(run.stderr).not.toContain('hush');
  }
});
