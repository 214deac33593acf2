import { Command } from 'commander';
import { readInputFile } from '../evidence/input-file.ts';
import { snpPublicKey } from '../identity/ecdsa.ts';
import { idKeyDigest } from '../identity/id-auth.ts';
import { readPublicKey } from '../identity/key-text.ts';
import { hexOf } from './hex.ts';
import { KEY_BYTES_MAX } from './owner-keys.ts';
import { addPassphraseOptions, readPassphrase } from './secrets.ts';

interface KeyDigestFlags {
  passphraseFile?: string;
  passphraseEnv?: string;
  json?: true;
}

const EXAMPLES = `
Examples:
  snp-conform key-digest id.pem
  snp-conform key-digest id.pub.pem --json

It is SHA-384 of the 1028 bytes of the key as ID auth holds it, and stands as ID key digest or author key digest in reports.`;

async function run(path: string, flags: KeyDigestFlags): Promise<void> {
  const bytes = await readInputFile({ path, what: 'key', maxBytes: KEY_BYTES_MAX });
  const passphrase = await readPassphrase({ file: flags.passphraseFile, variable: flags.passphraseEnv }, process.env);
  const key = readPublicKey(bytes, { role: 'key', where: path }, passphrase);
  const publicKey = snpPublicKey(key);
  const digest = idKeyDigest(publicKey);
  const written = {
    keyDigest: hexOf(digest),
    keyDigestBase64: Buffer.from(digest).toString('base64'),
    publicKey: Buffer.from(publicKey).toString('base64'),
  };
  process.stdout.write(flags.json ? `${JSON.stringify(written, null, 2)}\n` : `${written.keyDigest}\n`);
}

/** `snp-conform key-digest`: what a report says of a key. */
export function keyDigestCommand(): Command {
  const command = new Command('key-digest').argument(
    '<file>',
    'a private or public P-384 key in PEM or DER, a certificate, or the 1028 bytes of an ID auth',
  );
  return addPassphraseOptions(command, '', 'an encrypted private key')
    .option('--json', 'print JSON: the digest in hex and base64, and the 1028 bytes of the key in base64')
    .addHelpText('after', EXAMPLES)
    .action(run);
}
