import type { ResultKind } from '../evidence/results.ts';
import { plainText } from './plain-text.ts';
import { evidenceLabel, type ResultRow, type Totals } from './row.ts';

/** Source: CTRF specification, status. */
const STATUS: Readonly<Record<ResultKind, 'passed' | 'failed' | 'skipped' | 'other'>> = {
  pass: 'passed',
  fail: 'failed',
  infrastructure: 'other',
  configuration: 'other',
  skip: 'skipped',
};

/** A test of CTRF: little enough to keep of every row. */
export interface CtrfTest {
  name: string;
  status: 'passed' | 'failed' | 'skipped' | 'other';
  duration: number;
  suite: string[];
  rawStatus: ResultKind;
  message?: string;
  trace?: string;
  extra?: Record<string, string>;
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** @param recorded was it played back from a recording? */
export function ctrfTest(
  { suite, host, name, result, durationMs, message, cell }: ResultRow,
  recorded: boolean,
): CtrfTest {
  const said = plainText(message, 8000);
  return {
    name: plainText(name, 1000),
    status: STATUS[result],
    duration: Math.round(durationMs),
    suite: [plainText(suite, 200), plainText(host, 200)],
    rawStatus: result,
    ...(said === '' ? {} : { message: firstLine(said), trace: said }),
    ...(cell === undefined
      ? {}
      : { extra: { evidence: evidenceLabel(cell.evidence.kind, recorded), predicted: cell.predicted } }),
  };
}

/** The Common Test Report Format, JSON. Source: CTRF specification 0.1.0. */
export function ctrfJson(
  tests: readonly CtrfTest[],
  totals: Totals,
  run: { tool: string; startedAt: Date; endedAt: Date },
): string {
  const [name = '', version = ''] = run.tool.split(' ');
  const summary = {
    tests: tests.length,
    passed: totals.pass,
    failed: totals.fail,
    pending: 0,
    skipped: totals.skip,
    other: totals.infrastructure + totals.configuration,
    start: run.startedAt.getTime(),
    stop: run.endedAt.getTime(),
  };
  const document = {
    reportFormat: 'CTRF',
    specVersion: '0.1.0',
    generatedBy: run.tool,
    results: { tool: { name, version }, summary, tests },
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}
