import { appendFileSync } from 'node:fs';
import type { RowHead } from './markdown.ts';
import { plainText } from './plain-text.ts';

/** GitHub shows ten of a step. Source: GitHub documentation, workflow commands, limits of annotations. */
const ANNOTATIONS = 10;
/** Source: GitHub documentation, job summaries: 1 MiB a step. */
const SUMMARY_BYTES = 1024 * 1024;

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

/** The annotations of a run: one command a cell that did not pass, failures first. */
export function annotations(rows: readonly RowHead[]): string[] {
  const wrong = rows.filter(({ result }) => result !== 'pass' && result !== 'skip');
  const sorted = [
    ...wrong.filter(({ result }) => result === 'fail'),
    ...wrong.filter(({ result }) => result !== 'fail'),
  ];
  return sorted.slice(0, ANNOTATIONS).map(({ result, host, name, message }) => {
    const level = result === 'fail' ? 'error' : 'warning';
    const title = escapeProperty(plainText(`${result}: ${name} on ${host}`, 200).replaceAll('\n', ' '));
    return `::${level} title=${title}::${escapeData(plainText(message, 2000))}`;
  });
}

/** Text that a runner must not take for a command of its own, wherever in a line it stands. */
export function withoutCommands(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, '$1: ').replace(/##(?=\[|vso\[)/g, '## ');
}

/** Writes the summary of the step, where this runs as a step of GitHub Actions. */
export function writeStepSummary(markdown: string, environment: NodeJS.ProcessEnv): void {
  const path = environment.GITHUB_STEP_SUMMARY;
  if (path === undefined || path === '') return;
  const bytes = Buffer.from(markdown);
  const text =
    bytes.length <= SUMMARY_BYTES
      ? markdown
      : `${bytes
          .subarray(0, SUMMARY_BYTES - 200)
          .toString('utf8')
          .replace(/\n[^\n]*$/, '')}\n\n(cut off)\n`;
  appendFileSync(path, text);
}
