import type { Layer, ReportCheckRow } from '../../lib/attestation/check-row.ts';
import { ESSENTIAL_CHECKS, REPORT_CHECKS } from '../../lib/attestation/checks.ts';
import { WANT_OPTIONS } from '../../lib/cli/want-options.ts';
import { expect, test } from '../support/test.ts';
import { projectText } from './files.ts';

const PAGE = 'docs/report-verification.md';
const page = projectText(PAGE) ?? '';

/** The options that make a check. */
function optionsOf(check: string): string[] {
  return WANT_OPTIONS.filter(({ checks }) => checks.some((name) => name === check)).map(
    ({ flags }) => `\`${flags.replace(/ .*/, '')}\``,
  );
}

/** The rows of a layer as the page has them. */
function rowsOf(layer: Layer): string[] {
  const rows: readonly ReportCheckRow[] = REPORT_CHECKS;
  return rows
    .filter((row) => row.layer === layer)
    .map(({ name, claim, source }) => {
      const essential = ESSENTIAL_CHECKS.some((check) => check === name) ? ' **must pass**' : '';
      return layer === 'genuine'
        ? `| \`${name}\`${essential} | ${claim} | ${source} |`
        : `| \`${name}\` | ${claim} | ${optionsOf(name).join(', ') || 'always'} |`;
    });
}

/** The rows of the page that are about checks, below a heading. */
function writtenRows(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section.split('\n').filter((line) => line.startsWith('| `'));
}

test.describe(PAGE, () => {
  test('lists every check of the first question as it is made, in its order', () => {
    expect(writtenRows('Is it genuine?')).toEqual(rowsOf('genuine'));
  });

  test('lists every check of the second question with the options that ask for it', () => {
    expect(writtenRows('Is it what was wanted?')).toEqual(rowsOf('wanted'));
  });

  test('has no option that makes no check, and no check that cannot be asked for and is not always made', () => {
    expect(WANT_OPTIONS.filter(({ checks }) => checks.length === 0)).toEqual([]);
    const unasked = REPORT_CHECKS.filter(({ layer, name }) => layer === 'wanted' && optionsOf(name).length === 0);
    expect(unasked.map(({ claim }) => claim).filter((claim) => !claim.endsWith('always asked'))).toEqual([]);
  });
});
