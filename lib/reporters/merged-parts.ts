import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import type { FullConfig, TestCase } from '@playwright/test/reporter';
import { resultHostOf } from '../evidence/attempt.ts';
import { keepFile } from '../evidence/manifest.ts';
import { missingParts } from '../evidence/parts.ts';
import { launchOf } from '../evidence/results.ts';
import type { CellFile } from '../evidence/schema.ts';
import { PART_KEY } from '../runner/annotations.ts';
import { cellFilePath } from '../runner/outcome.ts';
import { plainText } from './plain-text.ts';

/** So many cells are named; the others are counted. */
const NAMED = 5;

/** `a, b and 3 more` */
function listed(names: readonly string[]): string {
  const rest = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${rest}`;
}

/** The parts of a run on their way to be one: says what is wrong with them, and keeps what their cells left. */
export class MergedParts {
  readonly #runDirectory: string;
  /** What the cells left, where it was unpacked, and under which name it is kept. */
  readonly #left: { from: string; name: string }[] = [];

  constructor(runDirectory: string) {
    this.#runDirectory = runDirectory;
  }

  /** @returns what keeps the parts from being one whole run */
  begin({ metadata }: FullConfig, tests: readonly TestCase[]): string[] {
    const keys = Object.keys(metadata).filter((key) => key.startsWith(PART_KEY));
    const missing = missingParts(keys.map((key) => key.slice(PART_KEY.length)));
    const seen = new Set<string>();
    const twice: string[] = [];
    for (const test of tests) {
      const name = JSON.stringify(test.titlePath());
      if (seen.has(name)) twice.push(plainText(`${test.parent.project()?.name} ${test.title}`, 200));
      seen.add(name);
    }
    return [
      ...(missing.length === 0 ? [] : [`parts of this run are not there, nor are their cells: ${listed(missing)}`]),
      ...(twice.length === 0 ? [] : [`cells are in more than one part: ${listed(twice)}`]),
    ];
  }

  /** Notes what a cell left. @param from the file, unpacked */
  note(from: string | undefined, { evidence }: CellFile): void {
    if (from === undefined) return;
    const file = cellFilePath(this.#runDirectory, resultHostOf(evidence), launchOf(evidence).id);
    this.#left.push({ from, name: relative(this.#runDirectory, file).split(sep).join('/') });
  }

  /** Keeps all of it in the directory of the whole run, one file at a time. */
  async keep(): Promise<void> {
    for (const { from, name } of this.#left) {
      await keepFile(this.#runDirectory, name, readFileSync(from, 'utf8'), 'lasting');
    }
  }
}
