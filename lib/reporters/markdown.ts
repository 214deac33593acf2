import { RESULT_KINDS } from '../evidence/results.ts';
import { plainText } from './plain-text.ts';
import { type ResultRow, totalsOf, totalsText } from './row.ts';

/** So many cells that did not pass are named; the others are counted. */
const NAMED = 50;

/** A row without what its cell left. */
export type RowHead = Pick<ResultRow, 'suite' | 'host' | 'name' | 'result' | 'message'>;

/** Text that is no markup, on one line. */
function markdownText(text: string, maxLength = 300): string {
  return plainText(text, maxLength)
    .replaceAll(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]<>#|~!&]/g, '\\$&')
    .replaceAll('@', '&#64;');
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/**
 * A run as Markdown, for a pull request, a chat, or the summary of a step.
 * @param labels what its evidence must be called   @param more lines to stand at the end
 */
export function runMarkdown(rows: readonly RowHead[], labels: readonly string[], more: readonly string[] = []): string {
  const hosts = [...new Set(rows.map(({ host }) => host))].sort();
  const kinds = RESULT_KINDS.filter(
    (kind) => kind === 'pass' || kind === 'fail' || rows.some(({ result }) => result === kind),
  );
  const wrong = rows.filter(({ result }) => result !== 'pass' && result !== 'skip');
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `${[
    `## SNP launch conformance: ${totalsText(totalsOf(rows))}`,
    '',
    `Evidence: **${labels.map((label) => markdownText(label)).join(', ') || 'none'}**`,
    '',
    row(['host', ...kinds]),
    row(['---', ...kinds.map(() => '---:')]),
    ...hosts.map((host) => {
      const totals = totalsOf(rows.filter((one) => one.host === host));
      return row([markdownText(host), ...kinds.map((kind) => String(totals[kind]))]);
    }),
    ...(wrong.length === 0
      ? []
      : [
          '',
          row(['result', 'host', 'cell', 'why']),
          row(['---', '---', '---', '---']),
          ...wrong
            .slice(0, NAMED)
            .map(({ result, host, suite, name, message }) =>
              row([
                result,
                markdownText(host),
                markdownText(`${suite}: ${name}`, 400),
                markdownText(firstLine(message)),
              ]),
            ),
          ...(wrong.length > NAMED ? ['', `and ${wrong.length - NAMED} more`] : []),
        ]),
    ...(more.length === 0 ? [] : ['', ...more]),
  ].join('\n')}\n`;
}
