import { type Comparison, changeText, isRegression, type RowPair, shortValue } from '../compare/compare.ts';
import type { RowFacts } from '../compare/facts.ts';
import { plainText } from './plain-text.ts';

/** So many cells of a group are named; the others are counted. */
const NAMED = 20;

/** How a text is marked up. */
interface Style {
  heading: (title: string) => string;
  item: (text: string) => string;
  detail: (text: string) => string;
}

const PLAIN: Style = {
  heading: (title) => `\n${title}`,
  item: (text) => `  ${text}`,
  detail: (text) => `      ${text}`,
};

/** Text in a Markdown list, so that nothing in it is markup. */
const escaped = (text: string): string => text.replace(/[\\`*_{}[\]<>#|~&]/g, '\\$&').replace(/@/g, '&#64;');

const MARKDOWN: Style = {
  heading: (title) => `\n### ${escaped(title)}\n`,
  item: (text) => `- ${escaped(text)}`,
  detail: (text) => `  - ${escaped(text)}`,
};

const nameOf = ({ suite, host, id }: RowFacts): string =>
  plainText(`${suite} ${host} ${id}`, 400).replaceAll('\n', ' ');
const counted = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

function named<T>(style: Style, of: readonly T[], lines: (one: T) => string[]): string[] {
  const told = of.slice(0, NAMED).flatMap(lines);
  return of.length > NAMED ? [...told, style.item(`and ${of.length - NAMED} more`)] : told;
}

function failureLines(style: Style, pairs: readonly RowPair[]): string[] {
  return named(style, pairs, ({ before, after, provenance }) => [
    style.item(`${nameOf(after)}: ${before.result} -> ${after.result}`),
    ...(after.headline === '' ? [] : [style.detail(plainText(after.headline, 300))]),
    ...(provenance.length === 0 && before.provenance.length > 0 && after.provenance.length > 0
      ? [style.detail('nothing that is known of it changed: it may be flaky; see `snp-conform history`')]
      : []),
  ]);
}

function digestLines(style: Style, pairs: readonly RowPair[], which: 'observed' | 'predicted'): string[] {
  return named(style, pairs, ({ before, after, provenance }) => [
    style.item(`${nameOf(after)}: ${shortValue(before[which] ?? '')} -> ${shortValue(after[which] ?? '')}`),
    ...provenance.map((change) => style.detail(`changed meanwhile: ${plainText(changeText(change), 300)}`)),
  ]);
}

function sharedLines(style: Style, { newFailures, sharedByNewFailures }: Comparison): string[] {
  if (newFailures.length === 0) return [];
  if (sharedByNewFailures.length === 0) return [style.item('they share no change of provenance')];
  const who = newFailures.length === 1 ? 'it has' : `all ${newFailures.length} share`;
  return sharedByNewFailures.map(({ passing, ...change }) => {
    const others = passing === 0 ? 'no cell that passes has it' : `so do ${counted(passing, 'cell')} that pass`;
    return style.item(`${who} ${plainText(changeText(change), 300)} (${others})`);
  });
}

/** Cells that were not judged, by host and reason. */
function notJudgedLines(style: Style, pairs: readonly RowPair[]): string[] {
  const groups = new Map<string, number>();
  for (const { after } of pairs) {
    const why = `${after.result} on ${after.host}: ${plainText(after.headline, 200)}`;
    groups.set(why, (groups.get(why) ?? 0) + 1);
  }
  return named(
    style,
    [...groups].sort((left, right) => right[1] - left[1]),
    ([why, count]) => [style.item(`${counted(count, 'cell')}: ${why}`)],
  );
}

/** A verdict in one line. */
function headline(comparison: Comparison): string {
  const { newFailures, digestAlarms, predictionAlarms, notJudged, fixed } = comparison;
  const parts = [
    ...(newFailures.length > 0 ? [counted(newFailures.length, 'new failure')] : []),
    ...(digestAlarms.length > 0 ? [`${counted(digestAlarms.length, 'digest')} changed though no input did`] : []),
    ...(predictionAlarms.length > 0
      ? [`${counted(predictionAlarms.length, 'prediction')} changed though no input did`]
      : []),
  ];
  const rest = [
    ...(fixed.length > 0 ? [`${fixed.length} fixed`] : []),
    ...(notJudged.length > 0 ? [`${counted(notJudged.length, 'cell')} not judged any more`] : []),
  ];
  if (isRegression(comparison)) return `REGRESSION: ${[...parts, ...rest].join(', ')}`;
  return `no regression${rest.length > 0 ? `: ${rest.join(', ')}` : ''}`;
}

/** What is compared, for the first line. */
export interface ComparedRun {
  title: string;
  startedAt: string;
  cells: number;
}

function text(style: Style, comparison: Comparison, before: ComparedRun, after: ComparedRun): string {
  const run = ({ title, startedAt, cells }: ComparedRun): string =>
    plainText(`${title} (${startedAt.slice(0, 16).replace('T', ' ')}, ${counted(cells, 'cell')})`, 300);
  const section = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [style.heading(title), ...lines];
  const { newFailures, fixed, stillFailing, notJudged, judgedAgain, newCells, goneCells } = comparison;
  const names = (rows: readonly RowFacts[]): string[] =>
    named(style, rows, (row) => [style.item(`${nameOf(row)}: ${row.result}`)]);
  const pairs = (rows: readonly RowPair[]): string[] => names(rows.map(({ after }) => after));
  const lines = [
    `${run(before)} compared with ${run(after)}: ${counted(comparison.common, 'cell')} in both`,
    headline(comparison),
    ...section(`new failures (${newFailures.length})`, [
      ...failureLines(style, newFailures),
      ...sharedLines(style, comparison),
    ]),
    ...section(
      `digest changed though no input did (${comparison.digestAlarms.length})`,
      digestLines(style, comparison.digestAlarms, 'observed'),
    ),
    ...section(
      `prediction changed though no input did (${comparison.predictionAlarms.length})`,
      digestLines(style, comparison.predictionAlarms, 'predicted'),
    ),
    ...section(
      `digest changed as predicted (${comparison.digestChanges.reduce((sum, { rows }) => sum + rows.length, 0)})`,
      comparison.digestChanges.map(({ inputs, rows }) =>
        style.item(
          `${counted(rows.length, 'cell')}: ${inputs.map((change) => plainText(changeText(change), 300)).join(', ')}`,
        ),
      ),
    ),
    ...section(`fixed (${fixed.length})`, pairs(fixed)),
    ...section(`still failing (${stillFailing.length})`, pairs(stillFailing)),
    ...section(`not judged any more (${notJudged.length})`, notJudgedLines(style, notJudged)),
    ...section(
      `judged again (${judgedAgain.length})`,
      judgedAgain.length === 0 ? [] : [style.item(counted(judgedAgain.length, 'cell'))],
    ),
    ...section(`new cells (${newCells.length})`, names(newCells)),
    ...section(`gone cells (${goneCells.length})`, names(goneCells)),
    ...section(
      'changed meanwhile',
      comparison.provenance.map((change) =>
        style.item(`${plainText(changeText(change), 300)} (${counted(change.cells, 'cell')})`),
      ),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** A comparison for a terminal. */
export function comparisonText(comparison: Comparison, before: ComparedRun, after: ComparedRun): string {
  return text(PLAIN, comparison, before, after);
}

/** A comparison as Markdown. */
export function comparisonMarkdown(comparison: Comparison, before: ComparedRun, after: ComparedRun): string {
  const [first = '', second = '', ...rest] = text(MARKDOWN, comparison, before, after).split('\n');
  return [`## ${escaped(second)}`, '', escaped(first), ...rest].join('\n');
}
