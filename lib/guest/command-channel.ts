import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { schemaTrouble } from '../evidence/json-file.ts';
import type { GuestAnswer, GuestWords } from './conversation.ts';
import { FRAME_TYPES } from './protocol.ts';

/** How a command is run, by whoever can. */
export interface CommandAsk {
  /** Program and arguments for a nonce. */
  argv: (nonce: Uint8Array) => string[];
  /** Runs it once, no longer than so many milliseconds. */
  run: (argv: readonly string[], timeoutMs: number) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** How long the guest may take until the command succeeds. */
  timeoutMs: number;
  /** A guest that is not up yet is asked again after this long. */
  pauseMs: number;
  /** For messages. */
  where: string;
}

/** One run of the command; a connection that is stuck is made anew. */
const RUN_MS = 30_000;
const ERROR_CHARACTERS = 2000;
/** Source: POSIX, Shell Command Language, exit status of commands. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

const outputSchema = z.object({
  report: z.string(),
  certificates: z.string().optional(),
  kernel: z.string().max(200).optional(),
  dmesg: z.string().max(FRAME_TYPES.dmesg.most).optional(),
});

function bytesOf(text: string, type: 'report' | 'certs'): Uint8Array {
  const plain = text.replaceAll(/\s+/g, '');
  const { least, most } = FRAME_TYPES[type];
  const what = { report: 'the report', certs: 'the table of certificates' }[type];
  const bytes = Buffer.from(plain, 'base64');
  if (bytes.toString('base64') !== plain) throw new Error(`${what} is no base64`);
  if (bytes.length < least || bytes.length > most) {
    throw new Error(`${what} has ${bytes.length} bytes, expected ${least === most ? most : `at most ${most}`}`);
  }
  return Uint8Array.from(bytes);
}

/** What a successful command printed: JSON, or the report alone in base64. */
function readOutput(text: string): { answer: GuestAnswer; kernel: string | null; dmesg: string | null } {
  const trimmed = text.trim();
  const output: z.output<typeof outputSchema> = trimmed.startsWith('{')
    ? outputSchema.parse(JSON.parse(trimmed))
    : { report: trimmed };
  const { report, certificates, kernel, dmesg } = output;
  return {
    answer: {
      report: bytesOf(report, 'report'),
      certificates: certificates === undefined ? null : bytesOf(certificates, 'certs'),
      error: null,
    },
    kernel: kernel ?? null,
    dmesg: dmesg ?? null,
  };
}

const lastWords = (text: string): string => text.trim().slice(-ERROR_CHARACTERS);

/** What one run printed, or why it did not succeed. */
type Attempt = { printed: string } | { why: string };

async function attempt(ask: CommandAsk, nonce: Uint8Array, timeoutMs: number): Promise<Attempt> {
  try {
    const done = await ask.run(ask.argv(nonce), Math.min(RUN_MS, timeoutMs));
    if (done.exitCode === 0) return { printed: done.stdout };
    const why = `exit code ${done.exitCode}: ${lastWords(done.stderr) || 'nothing on its standard error'}`;
    if (done.exitCode !== NOT_EXECUTABLE && done.exitCode !== NOT_FOUND) return { why };
    throw new HarnessError({
      code: 'GUEST_COMMAND',
      what: `the command that asks the guest cannot be run: ${why}`,
      where: ask.where,
      hint: 'see "guest" in matrix.json',
    });
  } catch (thrown) {
    if (!(thrown instanceof HarnessError) || thrown.code !== 'HOST_TIMEOUT') throw thrown;
    return { why: thrown.what };
  }
}

/**
 * Gets the reports of a guest by a command that is run for each nonce, again and again until it succeeds: a guest takes
 * its time to come up.
 * @param nonces 64 bytes each   @param words filled as answers come
 * @throws HarnessError GUEST_COMMAND for a command that cannot be run; SSH_*, HOST_* as the run does
 */
export async function askByCommand(
  ask: CommandAsk,
  nonces: readonly Uint8Array[],
  signal: AbortSignal,
  words: GuestWords,
): Promise<void> {
  const deadline = performance.now() + ask.timeoutMs;
  const left = (): number => deadline - performance.now();
  words.answers = nonces.map(() => ({ report: null, certificates: null, error: null }));
  for (const [index, nonce] of nonces.entries()) {
    for (;;) {
      const attempted = await attempt(ask, nonce, left());
      if ('printed' in attempted) {
        words.ready = true;
        take(attempted.printed, index, words);
        break;
      }
      words.answers[index] = { report: null, certificates: null, error: attempted.why };
      if (left() < ask.pauseMs) return;
      // An abort ends the pause early, and is seen right after it.
      await pause(ask.pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}

function take(stdout: string, index: number, words: GuestWords): void {
  try {
    const { answer, kernel, dmesg } = readOutput(stdout);
    words.answers[index] = answer;
    words.about ??= kernel === null ? null : { agent: 'command', kernel };
    words.dmesg ??= dmesg;
  } catch (thrown) {
    const what =
      thrown instanceof z.ZodError ? schemaTrouble(thrown) : thrown instanceof Error ? thrown.message : thrown;
    const error = `the command printed what is no report: ${what}`.slice(0, ERROR_CHARACTERS);
    words.answers[index] = { report: null, certificates: null, error };
  }
}
