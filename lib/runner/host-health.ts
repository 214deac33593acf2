import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../evidence/folders.ts';

const lineSchema = z.strictObject({ run: z.string(), trouble: z.string().nullable() });

/** What the end of the file must hold: more lines than any limit of failures in a row. */
const TAIL_BYTES = 128 * 1024;

/** How the latest attempts on one host ended, told by all workers of a run to each other through a file. */
export class HostHealth {
  readonly #file: string;
  readonly #run: string;

  /** @param run only what was told in this run counts */
  constructor(runDirectory: string, host: string, run: string) {
    makeFolder(join(runDirectory, 'hosts'), 'run');
    this.#file = join(runDirectory, 'hosts', `${host}.attempts.jsonl`);
    this.#run = run;
  }

  /** Tells how an attempt ended. @param trouble code of what counts against the host; null: it worked */
  tell(trouble: string | null): void {
    // One short write at the end of the file: lines of several workers do not mix. Source: POSIX, write, O_APPEND.
    appendFileSync(this.#file, `${JSON.stringify({ run: this.#run, trouble })}\n`);
  }

  /** The troubles since an attempt last worked, the oldest first. */
  failuresInARow(): string[] {
    const failures: string[] = [];
    for (const line of this.#tail().split('\n').reverse()) {
      const told = parseLine(line);
      if (told === undefined || told.run !== this.#run) continue;
      if (told.trouble === null) break;
      failures.unshift(told.trouble);
    }
    return failures;
  }

  #tail(): string {
    let descriptor: number;
    try {
      descriptor = openSync(this.#file, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''; // Nothing was told yet.
      throw error;
    }
    try {
      const { size } = fstatSync(descriptor);
      const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const read = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
      return bytes.toString('utf8', 0, read);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** A torn line, and the half of one at the beginning of the tail, say nothing. */
function parseLine(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
