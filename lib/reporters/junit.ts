import junitReportBuilder, { type Builder } from 'junit-report-builder';
import type { CellFile } from '../evidence/schema.ts';
import { knownRefusal } from '../judge/launch-check.ts';
import { plainText } from './plain-text.ts';
import { evidenceLabel, plantedFaults, type ResultRow } from './row.ts';

/** The package exports the builder itself; its types say that it exports a module around it. */
const BUILDER = junitReportBuilder as unknown as Builder;

/** The digest that the guest's report carries; undefined where there is no report. */
function observedDigest(cell: CellFile): string | undefined {
  const check = cell.verdict.checks.find((row) => row.name === 'report-measurement');
  return check?.observed ?? undefined;
}

/** What a consumer may filter or compare by, one property each. */
function properties(cell: CellFile, recorded: boolean): Record<string, string | undefined> {
  const { evidence } = cell;
  const { host, artifacts } = evidence;
  const { refusal } = evidence.outcome;
  return {
    evidence: evidenceLabel(evidence.kind, recorded),
    scenario: evidence.scenario,
    expected: cell.verdict.expected,
    'refusal.line': evidence.outcome.refusal?.line,
    host: host.name,
    'host.kernel': host.kernel,
    'host.profile': host.profile ?? undefined,
    'host.faults': plantedFaults(cell),
    vmmProfile: host.vmmProfile,
    qemu: host.qemu[evidence.cell.qemu]?.version,
    'digest.predicted': cell.predicted,
    'digest.observed': observedDigest(cell),
    // The row of docs/errors.md, for programs that count reasons.
    refusal: refusal === null ? undefined : (knownRefusal(refusal)?.id ?? 'unknown'),
    'sha256.firmware': artifacts.firmware.sha256,
    'sha256.kernel': artifacts.kernel?.sha256,
    'sha256.initrd': artifacts.initrd?.sha256,
    guestPolicy: evidence.sent.guestPolicy ?? evidence.cell.guestPolicy,
    guestFeatures: evidence.cell.guestFeatures,
  };
}

/** Stands for `]]>` until the document is built: the builder takes only the first of them out of a CDATA section. */
const SECTION_END = '\ue000]]\ue000';
const sectionText = (text: string): string => text.replaceAll(']]>', SECTION_END);
const suiteTitle = (row: ResultRow): string => `${row.suite} on ${row.host}`;
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/**
 * The rows as JUnit XML: fail is `failure`, infrastructure and configuration are `error`, skip is `skipped`. Names hold no
 * time and no order, so that a consumer finds the same test in the next run.
 * @param recorded were the rows played back from a recording?
 */
export function junitXml(rows: readonly ResultRow[], recorded: boolean): string {
  const builder = BUILDER.newBuilder();
  for (const title of new Set(rows.map(suiteTitle))) {
    const mine = rows.filter((row) => suiteTitle(row) === title);
    const suite = builder.testSuite().name(title);
    suite.property('host', mine[0]?.host ?? '');
    for (const row of mine) {
      const test = suite
        .testCase()
        .className(`${row.suite}.${row.host}`)
        .name(row.name)
        .time(row.durationMs / 1000);
      for (const [name, value] of Object.entries(row.cell === undefined ? {} : properties(row.cell, recorded))) {
        if (value !== undefined) test.property(name, plainText(value, 1000));
      }
      const message = plainText(row.message);
      if (row.result === 'fail') test.failure(firstLine(message), 'failure').stacktrace(sectionText(message));
      if (row.result === 'infrastructure' || row.result === 'configuration') {
        test.error(firstLine(message), row.result, sectionText(message));
      }
      if (row.result === 'skip') {
        test.skipped();
        test.property('skip.reason', message);
      }
      if (row.cell !== undefined && row.result !== 'pass') {
        test.standardOutput(sectionText(plainText(row.cell.evidence.outcome.console)));
        test.standardError(sectionText(plainText(row.cell.evidence.outcome.stderr)));
      }
    }
  }
  return builder.build().replaceAll(SECTION_END, ']]]]><![CDATA[>');
}
