import type { Recording } from '../evidence/recording/reader.ts';
import { RESULT_KINDS, type RecordedRow } from '../evidence/results.ts';
import { plainText } from './plain-text.ts';
import { evidenceLabel } from './row.ts';
import { columns } from './table.ts';

const line = (text: string): string => plainText(text, 400).replaceAll('\n', ' ');

/** What a recording is, in lines: itself, then a table of hosts. */
export function recordingLines({ header, entries, path }: Recording): string[] {
  const kinds = RESULT_KINDS.filter((kind) => entries.some(({ result }) => result === kind));
  const unknown = entries.some(({ result }) => result === null);
  const hosts = [...new Set(entries.map(({ host }) => host))].sort();
  const count = (host: string, kind: string | null): string =>
    String(entries.filter((entry) => entry.host === host && entry.result === kind).length);
  const redactions = Object.entries(header.redactions).map(([name, found]) => `${name} ${found}`);
  return [
    line(path),
    `${header.cells} cells, ${header.kinds.map((kind) => evidenceLabel(kind, true)).join(', ') || 'no evidence'}`,
    `recorded ${header.recordedAt} by ${line(header.tool)}`,
    ...(redactions.length > 0 ? [`redacted: ${redactions.join(', ')}`] : []),
    '',
    ...columns([
      ['host', ...kinds, ...(unknown ? ['not kept'] : [])],
      ...hosts.map((host) => [
        line(host),
        ...kinds.map((kind) => count(host, kind)),
        ...(unknown ? [count(host, null)] : []),
      ]),
    ]),
  ];
}

/** One row in lines: how it did, and what it was launched with. */
export function rowLines({ suite, host, id, result, message, evidence, judged }: RecordedRow): string[] {
  const why =
    message === ''
      ? []
      : plainText(message, 4000)
          .split('\n')
          .map((text) => `    ${text}`);
  const left =
    evidence === null
      ? ['    it left no evidence']
      : [
          `    ${evidenceLabel(evidence.kind, true)}, ${line(evidence.host.kernel)}, QEMU ${line(evidence.host.qemu[evidence.cell.qemu]?.version ?? 'unknown')}`,
          `    launched ${evidence.startedAt}; the guest: ${evidence.outcome.state}`,
          ...(judged === null ? [] : [`    predicted ${judged.predicted}`]),
        ];
  return [`${result ?? 'not judged'}  ${line(`${suite} ${host} ${id}`)}`, ...why, ...left];
}
