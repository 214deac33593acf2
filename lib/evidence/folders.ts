import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HarnessError, type Trouble } from '../errors.ts';
import { fileTrouble } from './input-file.ts';

/** What the machine says where it cannot keep what it is given; everything else is about the place that was named. */
const NOT_KEPT: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EIO']);

/**
 * The error of what cannot be written: OUTPUT_FAILED where the machine is at fault, as with a full disk, OUTPUT_UNWRITABLE
 * where another place has to be named.
 * @param cause what the file system said
 */
export function outputError(cause: unknown, trouble: Omit<Trouble, 'code' | 'cause'>): HarnessError {
  const code = NOT_KEPT.has((cause as NodeJS.ErrnoException).code) ? 'OUTPUT_FAILED' : 'OUTPUT_UNWRITABLE';
  return new HarnessError({ ...trouble, code, cause });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // Not there, or not to be looked at: making it says which.
  }
}

/**
 * Makes a folder and those above it. Node's own recursive way never ends below /proc.
 * @param what the option that named it   @throws HarnessError OUTPUT_UNWRITABLE, OUTPUT_FAILED
 */
export function makeFolder(path: string, what: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above, what);
  try {
    mkdirSync(path);
  } catch (cause) {
    if (isFolder(path)) return; // Somebody else made it meanwhile.
    throw outputError(cause, {
      what: `${what}: the folder cannot be made: ${fileTrouble(cause)}`,
      where: path,
      hint: 'name a folder that this user may write',
    });
  }
}
