import type { CellFile } from '../evidence/schema.ts';
import { knownRefusal } from '../judge/launch-check.ts';
import { plainText } from './plain-text.ts';
import { evidenceLabel, plantedFaults, type ResultRow, type Totals, totalsOf } from './row.ts';
import { xmlElement, xmlText } from './xml-text.ts';

/** The digest that the guest's report carries; undefined where there is no report. */
function observedDigest(cell: CellFile): string | undefined {
  const check = cell.verdict.checks.find((row) => row.name === 'report-measurement');
  return check?.observed ?? undefined;
}

type Properties = Readonly<Record<string, string | undefined>>;

/** What is known of a host: properties of its suites. */
function hostProperties(cell: CellFile, recorded: boolean): Properties {
  const { host, kind } = cell.evidence;
  return {
    evidence: evidenceLabel(kind, recorded),
    'host.kernel': host.kernel,
    'host.profile': host.profile ?? undefined,
    'host.faults': plantedFaults(cell),
    vmmProfile: host.vmmProfile,
  };
}

/** What a consumer may filter or compare cells by. */
function cellProperties(cell: CellFile): Properties {
  const { evidence } = cell;
  const { host, artifacts, outcome } = evidence;
  return {
    scenario: evidence.scenario,
    expected: cell.verdict.expected,
    'refusal.line': outcome.refusal?.line,
    qemu: host.qemu[evidence.cell.qemu]?.version,
    'digest.predicted': cell.predicted,
    'digest.observed': observedDigest(cell),
    // The row of docs/errors.md, for programs that count reasons.
    refusal: outcome.refusal === null ? undefined : (knownRefusal(outcome.refusal)?.id ?? 'unknown'),
    'sha256.firmware': artifacts.firmware.sha256,
    'sha256.kernel': artifacts.kernel?.sha256,
    'sha256.initrd': artifacts.initrd?.sha256,
    guestPolicy: evidence.sent.guestPolicy ?? evidence.cell.guestPolicy,
    guestFeatures: evidence.cell.guestFeatures,
  };
}

/**
 * Properties as lines: the schema has no properties of a test case, and this is how tools that know some read them.
 * Source: the convention of JUnit XML attachments and properties in output, `[[PROPERTY|name=value]]`.
 */
function propertyLines(of: Properties): string {
  return Object.entries(of)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `[[PROPERTY|${name}=${plainText(value ?? '', 1000).replaceAll('\n', ' ')}]]\n`)
    .join('');
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

/** Why it is no pass. */
function reason({ result, message }: ResultRow): string {
  const attributes = { message: firstLine(plainText(message)), type: result };
  if (result === 'fail') return xmlElement('failure', { ...attributes, type: 'failure' }, xmlText(message));
  if (result === 'skip') return xmlElement('skipped', { message: firstLine(plainText(message)) }, xmlText(message));
  return result === 'pass' ? '' : xmlElement('error', attributes, xmlText(message));
}

/** The elements of a test case in the one order that every schema allows. */
function testCase(row: ResultRow): string {
  const { suite, host, name, durationMs, cell } = row;
  const outcome = row.result === 'pass' ? undefined : cell?.evidence.outcome;
  const out = xmlText(outcome?.console ?? '');
  const properties = xmlText(cell === undefined ? '' : propertyLines(cellProperties(cell)));
  const err = xmlText(outcome?.stderr ?? '');
  const content = [
    reason(row),
    properties + out === '' ? '' : xmlElement('system-out', {}, properties + out),
    err === '' ? '' : xmlElement('system-err', {}, err),
  ].join('');
  return `  ${xmlElement('testcase', { classname: `${suite}.${host}`, name, time: seconds(durationMs) }, content)}\n`;
}

/** What is kept of a suite while rows come: its cases are written already. */
interface SuiteParts {
  host: string;
  properties: Properties;
  cases: { name: string; text: string }[];
  rows: Pick<ResultRow, 'result' | 'durationMs'>[];
}

const counts = (totals: Totals): Record<string, string> => ({
  tests: String(Object.values(totals).reduce((sum, count) => sum + count, 0)),
  failures: String(totals.fail),
  errors: String(totals.infrastructure + totals.configuration),
});

/**
 * JUnit XML, row by row: fail is `failure`, infrastructure and configuration are `error`, skip is `skipped`. Names hold no time
 * and no order, so that a consumer finds the same test in the next run.
 */
export class JunitDocument {
  readonly #recorded: boolean;
  readonly #suites = new Map<string, SuiteParts>();

  /** @param recorded are the rows played back from a recording? */
  constructor(recorded: boolean) {
    this.#recorded = recorded;
  }

  add(row: ResultRow): void {
    const title = `${row.suite} on ${row.host}`;
    const parts = this.#suites.get(title) ?? { host: row.host, properties: { host: row.host }, cases: [], rows: [] };
    this.#suites.set(title, parts);
    if (row.cell !== undefined) parts.properties = { ...parts.properties, ...hostProperties(row.cell, this.#recorded) };
    parts.cases.push({ name: row.name, text: testCase(row) });
    parts.rows.push({ result: row.result, durationMs: row.durationMs });
  }

  #suite(title: string, { host, properties, cases, rows }: SuiteParts): string {
    const totals = totalsOf(rows);
    const attributes = {
      name: title,
      ...counts(totals),
      skipped: String(totals.skip),
      time: seconds(rows.reduce((sum, { durationMs }) => sum + durationMs, 0)),
      hostname: host,
    };
    const known = Object.entries(properties).filter(([, value]) => value !== undefined);
    const list = known.map(([name, value]) => xmlElement('property', { name, value: value ?? '' })).join('');
    const sorted = [...cases].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
    const content = `\n  ${xmlElement('properties', {}, list)}\n${sorted.map(({ text }) => text).join('')}`;
    return `${xmlElement('testsuite', attributes, content)}\n`;
  }

  /** The document of all rows, in an order that does not depend on which ended first. */
  end(): string {
    const suites = [...this.#suites].sort(([left], [right]) => (left < right ? -1 : 1));
    const totals = totalsOf(suites.flatMap(([, { rows }]) => rows));
    const content = `\n${suites.map(([title, parts]) => this.#suite(title, parts)).join('')}`;
    const document = xmlElement('testsuites', { name: 'snp-conform', ...counts(totals) }, content);
    return `<?xml version="1.0" encoding="UTF-8"?>\n${document}\n`;
  }
}

/** The rows as JUnit XML. @param recorded were they played back from a recording? */
export function junitXml(rows: readonly ResultRow[], recorded: boolean): string {
  const document = new JunitDocument(recorded);
  for (const row of rows) document.add(row);
  return document.end();
}
