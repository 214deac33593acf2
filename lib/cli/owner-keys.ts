import type { KeyObject } from 'node:crypto';
import { type Command, Option } from 'commander';
import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';
import { signMessage, snpPublicKey } from '../identity/ecdsa.ts';
import { assembleIdAuth, type Signed } from '../identity/id-auth.ts';
import { readPrivateKey, readPublicKey } from '../identity/key-text.ts';
import { type ExternalSigner, signExternally, signerArgv } from './external-signer.ts';
import { parseCount } from './numbers.ts';
import { addPassphraseOptions, type PassphraseReference, readPassphrase, warnIfExposed } from './secrets.ts';

/** The options that say with which keys an ID block is signed, as commander gives them. */
export interface OwnerKeyFlags {
  idKey?: string;
  idKeyPassphraseFile?: string;
  idKeyPassphraseEnv?: string;
  signer?: string[];
  authorKey?: string;
  authorKeyPassphraseFile?: string;
  authorKeyPassphraseEnv?: string;
  authorSigner?: string[];
  signerTimeout?: number;
}

/** A key file is never larger. */
export const KEY_BYTES_MAX = 64 * 1024;
const SIGNER_SECONDS = 60;

/** Adds the options that say with which keys an ID block is signed. */
export function addOwnerKeyOptions(command: Command): Command {
  command.option('--id-key <file>', 'the private key that signs the ID block; with --signer its public key');
  addPassphraseOptions(command, 'id-key-', 'an encrypted ID key');
  command
    .addOption(
      new Option(
        '--signer <command>',
        'a program that signs for the ID key: digest on stdin, signature on stdout',
      ).argParser((text) => signerArgv(text, '--signer')),
    )
    .option('--author-key <file>', 'the private key that signs the ID key; with --author-signer its public key');
  addPassphraseOptions(command, 'author-key-', 'an encrypted author key');
  return command
    .addOption(
      new Option('--author-signer <command>', 'a program that signs for the author key').argParser((text) =>
        signerArgv(text, '--author-signer'),
      ),
    )
    .option('--signer-timeout <seconds>', `how long a program may take to sign (default: ${SIGNER_SECONDS})`, (text) =>
      parseCount(text, '--signer-timeout', 'NUMBER_INVALID'),
    );
}

/** How one of the keys signs. */
interface KeyHolder {
  /** The public half, for the ID auth. */
  key: KeyObject;
  sign: (message: Uint8Array) => Promise<Uint8Array>;
}

interface KeyPlan {
  path: string | undefined;
  role: 'ID key' | 'author key';
  option: string;
  signer: { argv: string[] | undefined; option: string; timeoutMs: number };
  passphrase: PassphraseReference;
}

async function holderOf({ path, role, option, signer, passphrase }: KeyPlan): Promise<KeyHolder | null> {
  const { argv } = signer;
  if (path === undefined) {
    if (argv === undefined && passphrase.file === undefined && passphrase.variable === undefined) return null;
    throw new HarnessError({
      code: 'USAGE',
      what: `${argv === undefined ? 'a passphrase' : signer.option} is given without ${option}`,
      where: 'snp-conform id-block',
      hint: argv === undefined ? `name the key with ${option}` : `${option} names the public key that it signs for`,
    });
  }
  const bytes = await readInputFile({ path, what: role, maxBytes: KEY_BYTES_MAX });
  const source = { role, where: path };
  if (argv !== undefined) {
    const key = readPublicKey(bytes, source, await readPassphrase(passphrase, process.env));
    const program: ExternalSigner = { argv, option: signer.option, timeoutMs: signer.timeoutMs };
    return { key, sign: (message) => signExternally(program, { message, publicKey: key, role }) };
  }
  const secret = await readPassphrase(passphrase, process.env);
  const key = readPrivateKey(bytes, source, secret);
  await warnIfExposed(path, `the ${role}`);
  return { key, sign: async (message) => signMessage(message, key, role) };
}

/**
 * Signs an ID block with the keys and programs that the options name.
 * @returns 4096 bytes, and whether there is an author key
 * @throws HarnessError USAGE, KEY_INVALID, KEY_PASSPHRASE, FILE_UNREADABLE, SIGNER_FAILED, SIGNATURE_INVALID
 */
export async function signIdBlock(
  idBlock: Uint8Array,
  flags: OwnerKeyFlags,
): Promise<{ idAuth: Uint8Array; authorKeyEnabled: boolean }> {
  const timeoutMs = (flags.signerTimeout ?? SIGNER_SECONDS) * 1000;
  const idKey = await holderOf({
    path: flags.idKey,
    role: 'ID key',
    option: '--id-key',
    signer: { argv: flags.signer, option: '--signer', timeoutMs },
    passphrase: { file: flags.idKeyPassphraseFile, variable: flags.idKeyPassphraseEnv },
  });
  const authorKey = await holderOf({
    path: flags.authorKey,
    role: 'author key',
    option: '--author-key',
    signer: { argv: flags.authorSigner, option: '--author-signer', timeoutMs },
    passphrase: { file: flags.authorKeyPassphraseFile, variable: flags.authorKeyPassphraseEnv },
  });
  if (idKey === null) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'no ID key is given',
      where: 'snp-conform id-block',
      hint: 'name one with --id-key; `snp-conform keygen id.pem` makes one',
    });
  }
  const signed = async ({ key, sign }: KeyHolder, message: Uint8Array): Promise<Signed> => ({
    key,
    signature: await sign(message),
  });
  const signedBlock = await signed(idKey, idBlock);
  const signedKey = authorKey === null ? undefined : await signed(authorKey, snpPublicKey(idKey.key));
  const idAuth = assembleIdAuth({ idKey: signedBlock, authorKey: signedKey });
  return { idAuth, authorKeyEnabled: authorKey !== null };
}
