import { readFileSync } from 'node:fs';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import type { SecretReference } from './ssh-access-schema.ts';

const MAX_SECRET_BYTES = 64 * 1024;

/**
 * Fetches a secret from where hosts.json says that it is. A file may end with one newline, which is no part of it.
 * @param what it is, for messages, which never hold the secret   @throws HarnessError HOSTS_INVALID, FILE_UNREADABLE
 */
export function readSecret(
  reference: SecretReference,
  what: string,
  where: string,
  environment: Readonly<NodeJS.ProcessEnv>,
): string {
  if ('env' in reference) {
    const value = environment[reference.env];
    if (value !== undefined && value !== '') return value;
    throw new HarnessError({
      code: 'HOSTS_INVALID',
      what: `${what}: $${reference.env} is not set in the environment`,
      where,
      hint: 'set it in the shell that runs this, or name another place in hosts.json',
    });
  }
  let text: string;
  try {
    text = readFileSync(reference.file, 'utf8');
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `${what} cannot be read: ${fileTrouble(cause)}`,
      where: `${where}, ${reference.file}`,
      cause,
    });
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret !== '' && Buffer.byteLength(secret) <= MAX_SECRET_BYTES) return secret;
  throw new HarnessError({
    code: 'HOSTS_INVALID',
    what: `${what}: expected 1 to ${MAX_SECRET_BYTES} bytes`,
    where: `${where}, ${reference.file}`,
  });
}
