import { type Recognised, recogniseLine } from './recognise.ts';

/** Something that a log tells of, where it is told first. */
export interface Mention extends Recognised {
  /** From 1. */
  lineNumber: number;
  line: string;
  /** Later lines that tell of the same. */
  repeated: number;
}

/** Of a log that tells of more distinct things than this the rest is left out. */
const MENTIONS_MAX = 100;

/** What the lines of a log tell, each thing once, in the order of the log. */
export function recogniseLog(log: string): Mention[] {
  const mentions = new Map<string, Mention>();
  for (const [index, line] of log.split(/\r?\n/).entries()) {
    const recognised = recogniseLine(line);
    if (recognised === null) continue;
    const key = [...recognised.refusals.map(({ id }) => id), recognised.unknown].join(' ');
    const earlier = mentions.get(key);
    if (earlier !== undefined) earlier.repeated += 1;
    else if (mentions.size < MENTIONS_MAX) {
      mentions.set(key, { ...recognised, lineNumber: index + 1, line, repeated: 0 });
    }
  }
  return [...mentions.values()];
}
