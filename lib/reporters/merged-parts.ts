import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import type { FullConfig, TestCase } from '@playwright/test/reporter';
import { resultHostOf } from '../evidence/attempt.ts';
import { keepFile } from '../evidence/manifest.ts';
import {
  isPartial,
  lacking,
  listed,
  type Part,
  partSchema,
  shareName,
  strangers,
  type Whole,
} from '../evidence/parts.ts';
import { launchOf } from '../evidence/results.ts';
import type { CellFile } from '../evidence/schema.ts';
import { PART_KEY } from '../runner/annotations.ts';
import { cellFilePath } from '../runner/outcome.ts';
import type { PlannedTest } from '../runner/part-of-run.ts';
import { plainText } from './plain-text.ts';
import { suiteName } from './suite-name.ts';

/** What the blob reports say of themselves. What is no part in the form of today says nothing. */
function partsOf({ metadata }: FullConfig): Part[] {
  return Object.entries(metadata).flatMap(([key, value]) => {
    const part = key.startsWith(PART_KEY) ? partSchema.safeParse(value).data : undefined;
    return part === undefined ? [] : [part];
  });
}

/** What names a test among those of all parts. */
const testKey = (suite: string, host: string, name: string): string => JSON.stringify([suite, host, name]);

/** What the whole run has and no part does. Where a run has suites of its own, nothing tells what is in them. */
function lostTests(
  parts: readonly Part[],
  tests: readonly TestCase[],
  plannedBy: (choice: Pick<Whole, 'suites' | 'grep'>) => readonly PlannedTest[],
): PlannedTest[] {
  const there = new Set(
    tests.map((test) => testKey(suiteName(test), test.parent.project()?.name ?? '', plainText(test.title))),
  );
  const lost = new Map<string, PlannedTest>();
  const choices = new Map(parts.map(({ whole }) => [JSON.stringify([whole.suites, whole.grep]), whole]));
  for (const whole of choices.values()) {
    for (const test of whole.ownSuites === true ? [] : plannedBy(whole)) {
      const key = testKey(test.suite, test.host, test.name);
      if (!there.has(key)) lost.set(key, test);
    }
  }
  return [...lost.values()];
}

function lostLines(lost: readonly PlannedTest[]): string[] {
  if (lost.length === 0) return [];
  const names = lost.map(({ host, name }) => plainText(`${host} ${name}`, 200));
  return [
    `${lost.length === 1 ? '1 cell of the run is' : `${lost.length} cells of the run are`} in no part: ${listed(names)}`,
  ];
}

/** The parts of a run on their way to be one: says what is wrong with them, and keeps what their cells left. */
export class MergedParts {
  readonly #runDirectory: string;
  /** What the cells left, where it was unpacked, and under which name it is kept. */
  readonly #left: { from: string; name: string }[] = [];

  /** Tests of the whole run that no part has. */
  #lost: PlannedTest[] = [];

  constructor(runDirectory: string) {
    this.#runDirectory = runDirectory;
  }

  /** Tests of the whole run that no part has, once it began. */
  get lost(): readonly PlannedTest[] {
    return this.#lost;
  }

  /**
   * @param tests of all parts   @param plannedBy what the files of the merge plan for a choice of suites and names
   * @returns what keeps the parts from being one whole run
   */
  begin(
    config: FullConfig,
    tests: readonly TestCase[],
    plannedBy: (choice: Pick<Whole, 'suites' | 'grep'>) => readonly PlannedTest[],
  ): string[] {
    const parts = partsOf(config);
    const foreign = strangers(parts.map((part) => ({ name: shareName(part), part })));
    const missing = lacking(parts.filter(isPartial));
    this.#lost = lostTests(parts, tests, plannedBy);
    const seen = new Set<string>();
    const twice: string[] = [];
    for (const test of tests) {
      const name = JSON.stringify(test.titlePath());
      if (seen.has(name)) twice.push(plainText(`${test.parent.project()?.name} ${test.title}`, 200));
      seen.add(name);
    }
    return [
      ...foreign.map((line) => plainText(line, 1000)),
      ...(missing.length === 0
        ? []
        : [`parts of this run are not there, nor are their cells: ${plainText(listed(missing), 400)}`]),
      ...lostLines(this.#lost),
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
