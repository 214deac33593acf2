import { ABSENT, type Fact, type RowFacts } from './facts.ts';

/** A fact that is another in the new run. */
export interface FactChange {
  subject: string;
  before: string;
  after: string;
}

/** A change of provenance, and how many of the cells of both runs it is of. */
export interface ProvenanceChange extends FactChange {
  cells: number;
}

/** A cell in both runs. */
export interface RowPair {
  before: RowFacts;
  after: RowFacts;
  /** What changed of where it ran. */
  provenance: FactChange[];
  /** What changed of what its digest depends on. */
  inputs: FactChange[];
}

/** A change of provenance that all new failures share. */
export interface SharedCause extends FactChange {
  /** Cells that have the change and pass all the same. */
  passing: number;
}

/** Cells whose digest changed with the same inputs. */
export interface DigestGroup {
  inputs: FactChange[];
  rows: RowPair[];
}

/** Two runs beside each other. */
export interface Comparison {
  /** Failed now and did not before. */
  newFailures: RowPair[];
  fixed: RowPair[];
  stillFailing: RowPair[];
  /** Judged before and not now: the lab failed, the input is wrong, or they were skipped. */
  notJudged: RowPair[];
  /** Not judged before and passed now. */
  judgedAgain: RowPair[];
  /** The alarm: what the guest's report says was measured is another, though no input is. */
  digestAlarms: RowPair[];
  /** The prediction is another though no input is: the calculator changed. */
  predictionAlarms: RowPair[];
  /** The digest is another, and the one that the changed inputs predict. */
  digestChanges: DigestGroup[];
  newCells: RowFacts[];
  goneCells: RowFacts[];
  provenance: ProvenanceChange[];
  /** What all new failures have in common; empty where there is nothing, or there are none. */
  sharedByNewFailures: SharedCause[];
  /** Cells in both runs. */
  common: number;
}

const keyOf = ({ suite, host, id }: RowFacts): string => JSON.stringify([suite, host, id]);
const changeKey = ({ subject, before, after }: FactChange): string => JSON.stringify([subject, before, after]);
const isJudged = ({ result }: RowFacts): boolean => result === 'pass' || result === 'fail';

/** The facts that are others now. What one run does not know is no change: it may have left no evidence. */
export function changesOf(before: readonly Fact[], after: readonly Fact[]): FactChange[] {
  if (before.length === 0 || after.length === 0) return [];
  const old = new Map(before.map(({ subject, value }) => [subject, value]));
  return after.flatMap(({ subject, value }) => {
    const was = old.get(subject);
    return was === undefined || was === value ? [] : [{ subject, before: was, after: value }];
  });
}

function pairOf(before: RowFacts, after: RowFacts): RowPair {
  return {
    before,
    after,
    provenance: changesOf(before.provenance, after.provenance),
    inputs: changesOf(before.inputs, after.inputs),
  };
}

function provenanceChanges(pairs: readonly RowPair[]): ProvenanceChange[] {
  const changes = new Map<string, ProvenanceChange>();
  for (const change of pairs.flatMap(({ provenance }) => provenance)) {
    const known = changes.get(changeKey(change));
    if (known === undefined) changes.set(changeKey(change), { ...change, cells: 1 });
    else known.cells++;
  }
  return [...changes.values()].sort(
    (left, right) => right.cells - left.cells || left.subject.localeCompare(right.subject),
  );
}

/** The changes that every one of the failures has, those first that no passing cell has. */
function sharedCauses(failures: readonly RowPair[], all: readonly RowPair[]): SharedCause[] {
  const [first, ...others] = failures;
  if (first === undefined) return [];
  const inAll = first.provenance.filter((change) =>
    others.every(({ provenance }) => provenance.some((one) => changeKey(one) === changeKey(change))),
  );
  const passing = (change: FactChange): number =>
    all.filter(
      ({ after, provenance }) =>
        after.result === 'pass' && provenance.some((one) => changeKey(one) === changeKey(change)),
    ).length;
  return inAll
    .map((change) => ({ ...change, passing: passing(change) }))
    .sort((left, right) => left.passing - right.passing);
}

function digestGroups(pairs: readonly RowPair[]): DigestGroup[] {
  const groups = new Map<string, DigestGroup>();
  for (const pair of pairs) {
    const key = pair.inputs.map(changeKey).join();
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { inputs: pair.inputs, rows: [pair] });
    else known.rows.push(pair);
  }
  return [...groups.values()].sort((left, right) => right.rows.length - left.rows.length);
}

const another = (before: string | null, after: string | null): boolean =>
  before !== null && after !== null && before !== after;

const BY_NUMBER = new Intl.Collator('en', { numeric: true });

/** Rows in the order in which people look for them: cells end in any order. */
function inOrder(rows: readonly RowFacts[]): RowFacts[] {
  return [...rows].sort(
    (left, right) =>
      BY_NUMBER.compare(left.host, right.host) ||
      BY_NUMBER.compare(left.suite, right.suite) ||
      BY_NUMBER.compare(left.id, right.id),
  );
}

/**
 * Compares two runs, cell by cell: the same suite, host and id.
 * @param renamed hosts of the old run that have another name in the new one
 */
export function compareRuns(
  oldRows: readonly RowFacts[],
  newRows: readonly RowFacts[],
  renamed: ReadonlyMap<string, string> = new Map(),
): Comparison {
  const rename = (row: RowFacts): RowFacts => {
    const host = renamed.get(row.host);
    if (host === undefined) return row;
    const subject = (text: string): string => text.replace(`host ${row.host}: `, `host ${host}: `);
    return { ...row, host, provenance: row.provenance.map((fact) => ({ ...fact, subject: subject(fact.subject) })) };
  };
  const old = new Map(inOrder(oldRows.map(rename)).map((row) => [keyOf(row), row]));
  const newOnes = inOrder(newRows);
  const fresh = new Set(newOnes.map(keyOf));
  const pairs = newOnes.flatMap((after) => {
    const before = old.get(keyOf(after));
    return before === undefined ? [] : [pairOf(before, after)];
  });
  const newFailures = pairs.filter(({ before, after }) => after.result === 'fail' && before.result !== 'fail');
  const digestMoved = pairs.filter(({ before, after }) => another(before.observed, after.observed));
  const unmoved = ({ inputs, before, after }: RowPair): boolean =>
    inputs.length === 0 && before.inputs.length > 0 && after.inputs.length > 0;
  const asPredicted = digestMoved.filter(
    ({ inputs, after }) => inputs.length > 0 && after.observed === after.predicted,
  );
  return {
    newFailures,
    fixed: pairs.filter(({ before, after }) => before.result === 'fail' && after.result === 'pass'),
    stillFailing: pairs.filter(({ before, after }) => before.result === 'fail' && after.result === 'fail'),
    notJudged: pairs.filter(({ before, after }) => isJudged(before) && !isJudged(after)),
    judgedAgain: pairs.filter(({ before, after }) => !isJudged(before) && after.result === 'pass'),
    digestAlarms: digestMoved.filter(unmoved),
    predictionAlarms: pairs.filter((pair) => unmoved(pair) && another(pair.before.predicted, pair.after.predicted)),
    digestChanges: digestGroups(asPredicted),
    newCells: newOnes.filter((row) => !old.has(keyOf(row))),
    goneCells: [...old.values()].filter((row) => !fresh.has(keyOf(row))),
    provenance: provenanceChanges(pairs),
    sharedByNewFailures: sharedCauses(newFailures, pairs),
    common: pairs.length,
  };
}

/** Did anything get worse that is of the thing under test? */
export function isRegression({ newFailures, digestAlarms, predictionAlarms }: Comparison): boolean {
  return newFailures.length > 0 || digestAlarms.length > 0 || predictionAlarms.length > 0;
}

/** A value as short as it stays telling: the beginning of a hash, all of anything else. */
export function shortValue(value: string): string {
  return /^[0-9a-f]{40,}$/.test(value) ? `${value.slice(0, 12)}...` : value;
}

/** `host milan-1: QEMU default: 10.0.2 -> 11.1.0`. */
export function changeText({ subject, before, after }: FactChange): string {
  return `${subject}: ${before === ABSENT ? 'none' : shortValue(before)} -> ${after === ABSENT ? 'none' : shortValue(after)}`;
}
