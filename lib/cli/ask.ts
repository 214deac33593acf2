import { createInterface } from 'node:readline/promises';
import { HarnessError } from '../errors.ts';

/** Somebody at a terminal who can be asked. */
export interface Person {
  /** A line; the given answer where it is empty. */
  line(question: string, otherwise: string): Promise<string>;
  /** Some of several; all of them where the answer is empty. */
  some<T>(question: string, options: readonly T[], words: (option: T) => string): Promise<T[]>;
  yes(question: string): Promise<boolean>;
}

/** Numbers of a list: `1,3`. @returns undefined for anything else; the places of all for nothing */
export function chosenNumbers(answer: string, count: number): number[] | undefined {
  const all = Array.from({ length: count }, (_, index) => index);
  if (answer.trim() === '') return all;
  const numbers = answer.split(/[\s,]+/).filter((word) => word !== '');
  const places = numbers.map((word) => (/^[0-9]{1,4}$/.test(word) ? Number(word) - 1 : -1));
  return places.every((place) => all.includes(place)) ? [...new Set(places)] : undefined;
}

/** Asks on the terminal of this process. An end of input is an end of the command. */
export function personAtTerminal(): Person {
  const ask = async (question: string): Promise<string> => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const gone = new AbortController();
    terminal.once('close', () => gone.abort());
    terminal.once('SIGINT', () => terminal.close());
    try {
      return (await terminal.question(question, { signal: gone.signal })).trim();
    } catch (cause) {
      if (!gone.signal.aborted) throw cause;
      const hint = 'give the answers as options, and --yes for the rest';
      throw new HarnessError({ code: 'USAGE', what: 'there was no answer; nothing was written', hint, cause });
    } finally {
      terminal.close();
    }
  };
  return {
    line: async (question, otherwise) => (await ask(`${question} [${otherwise}] `)) || otherwise,
    some: async (question, options, words) => {
      const list = options.map((option, index) => `  ${index + 1}  ${words(option)}\n`).join('');
      for (;;) {
        const chosen = chosenNumbers(await ask(`${question}\n${list}numbers, or nothing for all: `), options.length);
        if (chosen !== undefined) return options.filter((_, index) => chosen.includes(index));
        process.stderr.write(`please give numbers from 1 to ${options.length}, with commas between them\n`);
      }
    },
    yes: async (question) => !/^n/i.test(await ask(`${question} [Y/n] `)),
  };
}
