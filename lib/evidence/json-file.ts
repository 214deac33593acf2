import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { type ErrorCode, HarnessError } from '../errors.ts';
import { mostSimilar } from '../similar.ts';
import { makeFolder } from './folders.ts';
import { fileTrouble } from './input-file.ts';
import { keysAt } from './schema-keys.ts';

/** Larger JSON than this is no file of ours. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/** How shells name a pipe that they made. */
const SHELL_PIPE = /^\/(?:dev\/(?:fd\/|stdin$)|proc\/)/;

/**
 * lasting: on the disk before it goes on, also where the machine loses its power. passing: as lasting as any file; for what
 * can be made again, as the replay of a recording can.
 */
export type Durability = 'lasting' | 'passing';

/** Writes a file whole or not at all: a reader sees the old content or the new, and a crash leaves either. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  durability: Durability = 'lasting',
): Promise<void> {
  makeFolder(dirname(path), 'output');
  const fresh = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(fresh, 'wx');
    try {
      await file.writeFile(content);
      if (durability === 'lasting') await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw cause;
  }
}

const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

/** Names that the schema wants and the value lacks: what a misspelt one was probably meant to be. */
function missingNames(error: z.ZodError): string[] {
  return error.issues
    .filter((issue) => issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    .map((issue) => String(issue.path.at(-1)));
}

/**
 * Says where a value does not fit its schema: `hosts[0].slots: expected number, got string`.
 * @param known the names that may stand at a place; for what a misspelt one was meant to be
 */
export function schemaTrouble(
  error: z.ZodError,
  known: (path: readonly PropertyKey[]) => readonly string[] = () => [],
): string {
  // A file of another kind has many troubles and one cause; a misspelt name is two, one unknown and one missing.
  const issue =
    error.issues.find(({ path }) => path.length === 1 && path[0] === 'format') ??
    error.issues.find(({ code }) => code === 'unrecognized_keys') ??
    error.issues[0];
  if (issue === undefined) return 'unknown trouble';
  const place = placeOf(issue.path) || 'the document';
  const [, wanted] = /^Invalid input: expected (.*), received undefined$/.exec(issue.message) ?? [];
  if (wanted !== undefined) return `${place}: it is missing; expected ${wanted}`;
  if (issue.code !== 'unrecognized_keys') return `${place}: ${issue.message.replace(/^Invalid input: /, '')}`;
  const [key = ''] = issue.keys;
  const meant = mostSimilar(key, missingNames(error)) ?? mostSimilar(key, known(issue.path));
  return `${place}: unknown name "${key}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}

/** Checks a value against a schema. @throws HarnessError of the given code, naming the place in the document */
export function checked<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const what = schemaTrouble(result.error, (path) => keysAt(schema, path, value));
  throw new HarnessError({ code, what, where, cause: result.error });
}

/** Reads a JSON file and checks it. @throws HarnessError FILE_UNREADABLE, or the given code */
export function readJsonFile<S extends z.ZodType>(path: string, schema: S, code: ErrorCode): z.output<S> {
  let text: string;
  try {
    const stat = statSync(path);
    const { size } = stat;
    // Of a pipe with a name it is not known whether anybody will ever write to it; one of a shell (`<(..)`) has its writer.
    if (stat.isFIFO() && !SHELL_PIPE.test(path)) throw new Error('it is a named pipe; give a file');
    // A device may give bytes without end.
    if (stat.isCharacterDevice() || stat.isBlockDevice()) throw new Error('it is a device; give a file');
    if (size > MAX_JSON_BYTES) throw new Error(`${size} bytes, more than ${MAX_JSON_BYTES}`);
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `cannot be read: ${fileTrouble(cause)}`,
      where: path,
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HarnessError({
      code,
      what: `not JSON: ${cause instanceof Error ? cause.message : cause}`,
      where: path,
      cause,
    });
  }
  return checked(schema, value, code, path);
}
