import { HarnessError } from '../errors.ts';
import type { Answer } from '../explain/answer.ts';
import { comparedFiles } from '../explain/compared-files.ts';
import { type Direction, explanationsOf } from '../explain/explanation.ts';
import { hostHints } from '../explain/hints.ts';
import { baseState, type KnownLaunch } from '../explain/launch-state.ts';
import { digestOfState } from '../explain/reproduce.ts';
import { specialCases } from '../explain/special-cases.ts';
import { DIGEST_BYTES } from '../measure/launch-context.ts';
import { predict } from '../measure/predict.ts';
import { type ExplainSettings, searchFor } from './explain-search.ts';

/** What is to be answered. */
export interface Question {
  readonly known: KnownLaunch;
  /** The firmware image, where it is at hand. */
  readonly image: Uint8Array | undefined;
  /** 48 bytes, or 32 of a guest of SEV or SEV-ES. */
  readonly target: Uint8Array;
  readonly direction: Direction;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What the given inputs have. @throws HarnessError as `predict` */
function predictedDigest(known: KnownLaunch): Uint8Array {
  return known.svsmEntry === undefined ? predict(known.launch).launchDigest : digestOfState(baseState(known));
}

/** The digest of the inputs, or why they have none: a kernel with a firmware that has no place for its hashes. */
function digestOrReason(known: KnownLaunch): Uint8Array | HarnessError {
  try {
    return predictedDigest(known);
  } catch (error) {
    if (error instanceof HarnessError && error.code === 'OVMF_NO_HASHES_TABLE') return error;
    throw error;
  }
}

/**
 * Answers why a launch digest is another than that of the inputs. Inputs that nothing can be launched with are explained
 * too: the host launched something else.
 * @throws HarnessError as `predict` for the inputs themselves; of OVMF_NO_HASHES_TABLE only where nothing else is found
 */
export async function answerQuestion(question: Question, settings: ExplainSettings): Promise<Answer> {
  const { known, image, target, direction } = question;
  const start = performance.now();
  const predicted = digestOrReason(known);
  const impossible = predicted instanceof HarnessError;
  const files = comparedFiles(known);
  const asked = { direction, target: hex(target), predicted: impossible ? null : hex(predicted), files };
  const quick = (explanations: Answer['explanations']): Answer => {
    const seconds = (performance.now() - start) / 1000;
    return { ...asked, explanations, tried: explanations.length, exhausted: true, seconds, searched: [] };
  };
  // An ID block that expects what is predicted was refused for what no command line shows, if it was.
  if (asked.target === asked.predicted) return quick(direction === 'expected' ? hostHints(known) : []);
  const special = specialCases(known, image, impossible ? null : predicted, target, direction);
  if (special.length > 0 || target.length !== DIGEST_BYTES) return quick(special);
  const { search, result } = await searchFor(known, target, settings);
  const explanations = explanationsOf(search, known, result.hits, target, direction);
  if (impossible && explanations.length === 0) throw predicted;
  const { tried, exhausted, searched } = result;
  return { ...asked, explanations, tried, exhausted, seconds: (performance.now() - start) / 1000, searched };
}
