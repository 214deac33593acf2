import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { type ErrorCode, HarnessError } from '../errors.ts';

/** Larger JSON than this is no file of ours. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

/** Writes a file whole or not at all: a reader sees the old content or the new, and a crash leaves either. */
export async function writeFileAtomically(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(fresh, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw cause;
  }
}

/** Says where a value does not fit its schema: `hosts[0].slots: expected number, got string`. */
export function schemaTrouble(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return 'unknown trouble';
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return `${path.replace(/^\./, '') || 'the document'}: ${issue.message}`;
}

/** Checks a value against a schema. @throws HarnessError of the given code, naming the place in the document */
export function checked<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode, where: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new HarnessError({ code, what: schemaTrouble(result.error), where, cause: result.error });
}

/** Reads a JSON file and checks it. @throws HarnessError FILE_UNREADABLE, or the given code */
export function readJsonFile<S extends z.ZodType>(path: string, schema: S, code: ErrorCode): z.output<S> {
  let text: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > MAX_JSON_BYTES) throw new Error(`${bytes.length} bytes, more than ${MAX_JSON_BYTES}`);
    text = bytes.toString('utf8');
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new HarnessError({ code: 'FILE_UNREADABLE', what, where: path, cause });
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
