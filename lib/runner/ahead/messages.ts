import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../errors.ts';

/** Names of launches by host, in the order of their tests. */
export type Announced = Readonly<Record<string, readonly string[]>>;

/** More of a text than this is told to nobody; what was kept of a launch is in its file. */
export const MAX_TEXT = 16_384;
/** More than any line of a question or an answer has. */
export const MAX_LINE_BYTES = 1024 * 1024;

const codeSchema = z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(ERROR_CODES, code));

const toldSchema = z.strictObject({
  host: z.string(),
  /** Name of the launch: a cell's id, or more. */
  launch: z.string(),
  /** With all attempts, and its explanation. */
  tookMs: z.number(),
  /** What happened in the lab, in words. */
  notices: z.array(z.string()),
  /** Why nothing came of it; null: its file is there. */
  error: z
    .strictObject({ code: codeSchema, what: z.string(), where: z.string().optional(), hint: z.string().optional() })
    .nullable(),
});

/** What came of a launch that was made ahead of its test; what it left is in its file. */
export type Told = Readonly<z.output<typeof toldSchema>>;

/** From a worker to the runner: what came of this launch? */
export const questionSchema = z.strictObject({ host: z.string(), launch: z.string() });
export type Question = Readonly<z.output<typeof questionSchema>>;

/** From the runner to a worker, and from a process that launches to the runner. */
export const answerSchema = z.strictObject({
  host: z.string(),
  launch: z.string(),
  /** Null: nobody launches it ahead, or its process is gone. */
  told: toldSchema.nullable(),
});
export type Answer = Readonly<z.output<typeof answerSchema>>;

/** Said by a process that launches, every so many ms, that it lives. */
export const ALIVE = 'alive';
export const ALIVE_MS = 10_000;
export type FromLaunchProcess = Answer | typeof ALIVE;

/** From the runner to a process that launches. */
export type ToLaunchProcess =
  | { readonly kind: 'launch'; readonly announced: Announced }
  /** A test waits for this one. */
  | ({ readonly kind: 'asked' } & Question)
  | { readonly kind: 'stop' };

/** The environment variable that names the socket on which the runner is asked. */
export const AHEAD_VARIABLE = 'SNP_CONFORM_AHEAD';
