import { parentPort, workerData } from 'node:worker_threads';
import { asHarnessError, type Trouble } from '../errors.ts';
import { hashInputFile, type InputFile } from '../evidence/input-file.ts';

/** What came of a file: its SHA-256, 32 bytes, or why it has none. Errors of the family do not outlive the way between threads. */
export type Hashed = { sha256: Uint8Array } | { trouble: Omit<Trouble, 'cause'> };

async function hashed(file: InputFile): Promise<Hashed> {
  try {
    return { sha256: new Uint8Array(await hashInputFile(file)) };
  } catch (thrown) {
    const { code, what, where, hint } = asHarnessError(thrown, { code: 'INTERNAL', where: file.path });
    return { trouble: { code, what, where, hint } };
  }
}

async function hashAll(port: NonNullable<typeof parentPort>, files: readonly InputFile[]): Promise<void> {
  for (const file of files) port.postMessage(await hashed(file));
}

if (parentPort !== null) void hashAll(parentPort, workerData as InputFile[]);
