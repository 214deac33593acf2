import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { HarnessError } from '../errors.ts';
import { fileTrouble } from './input-file.ts';

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // Not there, or not to be looked at: making it says which.
  }
}

/**
 * Makes a folder and those above it. Node's own recursive way never ends below /proc.
 * @param what the option that named it   @throws HarnessError OUTPUT_UNWRITABLE
 */
export function makeFolder(path: string, what: string): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above, what);
  try {
    mkdirSync(path);
  } catch (cause) {
    if (isFolder(path)) return; // Somebody else made it meanwhile.
    throw new HarnessError({
      code: 'OUTPUT_UNWRITABLE',
      what: `${what}: the folder cannot be made: ${fileTrouble(cause)}`,
      where: path,
      hint: 'name a folder that this user may write',
      cause,
    });
  }
}
