import { type FileHandle, lstat, open, rm } from 'node:fs/promises';
import { Command, Option } from 'commander';
import type { HarnessError } from '../errors.ts';
import { outputError } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import { snpPublicKey } from '../identity/ecdsa.ts';
import { idKeyDigest } from '../identity/id-auth.ts';
import { privateKeyPem } from '../identity/key-text.ts';
import { generateKey, publicHalf } from '../identity/keys.ts';
import { hexOf } from './hex.ts';
import { addPassphraseOptions, readPassphrase } from './secrets.ts';

interface KeygenFlags {
  format: 'pkcs8' | 'sec1';
  publicKey?: string;
  passphraseFile?: string;
  passphraseEnv?: string;
  json?: true;
}

const EXAMPLES = `
Examples:
  snp-conform keygen id.pem
  snp-conform keygen author.pem --passphrase-file author.pass --public-key author.pub.pem
  DIGEST=$(snp-conform keygen id.pem)

The digest of the key is printed: it stands as ID key digest or author key digest in attestation reports.`;

/** The error of a file that cannot be written, or is there already. */
function unwritable(path: string, cause: unknown): HarnessError {
  const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
  return outputError(cause, {
    what: there ? 'there is a file already, and a key is never written over' : `cannot write: ${fileTrouble(cause)}`,
    where: path,
    hint: there ? 'name another file, or move this one away' : 'name a file in a folder that this user may write',
  });
}

async function refuseIfThere(path: string): Promise<void> {
  const there = await lstat(path).then(
    () => true,
    () => false,
  );
  if (there) throw unwritable(path, Object.assign(new Error('there is a file'), { code: 'EEXIST' }));
}

/**
 * Writes a file that is not there yet, readable by its owner alone where it is secret, and whole or not at all.
 * @throws HarnessError OUTPUT_UNWRITABLE, also where there is a file already
 */
async function writeNewFile(path: string, text: string, { mode }: { mode: number }): Promise<void> {
  let file: FileHandle;
  try {
    // Exclusive: neither a file nor a symbolic link that is there is followed.
    file = await open(path, 'wx', mode);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } catch (cause) {
    await rm(path, { force: true });
    throw unwritable(path, cause);
  } finally {
    await file.close();
  }
}

async function run(path: string, flags: KeygenFlags): Promise<void> {
  const { format, publicKey, passphraseFile: file, passphraseEnv: variable, json } = flags;
  // Before there is a key that nobody would get the public half of.
  if (publicKey !== undefined) await refuseIfThere(publicKey);
  const passphrase = await readPassphrase({ file, variable }, process.env);
  const key = generateKey();
  const pem = privateKeyPem(key, { type: format, passphrase });
  const publicPem = publicHalf(key, 'key').export({ type: 'spki', format: 'pem' }).toString();
  await writeNewFile(path, pem, { mode: 0o600 });
  if (publicKey !== undefined) await writeNewFile(publicKey, publicPem, { mode: 0o644 });
  const encrypted = passphrase !== undefined;
  const keyDigest = hexOf(idKeyDigest(snpPublicKey(key)));
  if (json) {
    const written = { path, format, encrypted, keyDigest, publicKey: publicPem };
    process.stdout.write(`${JSON.stringify(written, null, 2)}\n`);
    return;
  }
  const name = format === 'pkcs8' ? 'PKCS #8' : 'SEC1';
  process.stderr.write(`wrote ${path}: a P-384 key, ${name} in PEM, ${encrypted ? 'encrypted' : 'not encrypted'}\n`);
  process.stdout.write(`${keyDigest}\n`);
}

/** `snp-conform keygen`: a key of a guest owner, in a file that only they can read. */
export function keygenCommand(): Command {
  const command = new Command('keygen')
    .argument('<file>', 'where the private key goes, in PEM; there must be no such file yet')
    .addOption(new Option('--format <format>', 'how it is written').choices(['pkcs8', 'sec1']).default('pkcs8'))
    .option('--public-key <file>', 'write the public key too, in PEM');
  return addPassphraseOptions(command, '', 'the key, which is then written encrypted')
    .option('--json', 'print JSON: the digest, and the public key')
    .addHelpText('after', EXAMPLES)
    .action(run);
}
