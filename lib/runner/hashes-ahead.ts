import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { HarnessError } from '../errors.ts';
import { hashInputFile, type InputFile } from '../evidence/input-file.ts';
import type { Hashed } from './hash-worker.ts';
import { workerProgram } from './worker-program.ts';

/** A thread takes 25 ms to start, in which the thread that asks hashes half as much. */
const WORTH_A_THREAD_BYTES = 80 << 20;

const bytesOf = ({ path }: InputFile): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/**
 * The SHA-256 of files that will be asked for. A thread of its own hashes them one after another while the thread that asks
 * does other work; where they are few bytes, or there is no program for a thread, each is hashed when it is first asked for.
 */
export class HashesAhead {
  /** By path. */
  readonly #hashes = new Map<string, Promise<Uint8Array>>();
  readonly #worker: Worker | undefined;

  /**
   * @param files those that will be asked for, in that order; a file may be among them more than once
   * @param program of the thread; null: there is none
   */
  constructor(files: readonly InputFile[], program: URL | null = workerProgram('hash-worker')) {
    const distinct = [...new Map(files.map((file) => [file.path, file])).values()];
    if (program === null || distinct.reduce((sum, file) => sum + bytesOf(file), 0) < WORTH_A_THREAD_BYTES) return;
    const worker = new Worker(program, { workerData: distinct, execArgv: [] });
    const answers = distinct.map(({ path }) => this.#promise(path));
    worker.on('message', (hashed: Hashed) => answers.shift()?.(hashed));
    const end = (what: string): void => {
      for (const answer of answers.splice(0)) answer({ trouble: { code: 'INTERNAL', what } });
    };
    worker.on('error', (cause) => end(`the thread that hashes files failed: ${cause.message}`));
    worker.on('exit', () => end('the thread that hashes files ended before all were hashed'));
    this.#worker = worker;
  }

  /** Is a thread hashing? */
  get hasThread(): boolean {
    return this.#worker !== undefined;
  }

  /** Promises the hash of a file. @returns who is to be told what came of it */
  #promise(path: string): (hashed: Hashed) => void {
    let answer: (hashed: Hashed) => void = () => undefined;
    const sha256 = new Promise<Uint8Array>((resolve, reject) => {
      answer = (hashed) => ('sha256' in hashed ? resolve(hashed.sha256) : reject(new HarnessError(hashed.trouble)));
    });
    // Who asks for this file hears of its trouble; where another's came first, nobody asks any more.
    sha256.catch(() => undefined);
    this.#hashes.set(path, sha256);
    return answer;
  }

  /** SHA-256 of a file. @returns 32 bytes   @throws HarnessError FILE_UNREADABLE */
  sha256Of(file: InputFile): Promise<Uint8Array> {
    const sha256 = this.#hashes.get(file.path) ?? hashInputFile(file);
    this.#hashes.set(file.path, sha256);
    return sha256;
  }

  /** Ends the thread, whatever it is at. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}
