import { refusalsPage } from '../../lib/refusals/page.ts';
import { REFUSALS } from '../../lib/refusals/refusals.ts';
import { projectText } from '../project/files.ts';
import { expect, test } from '../support/test.ts';

test('docs/errors.md is the table of errors as `snp-conform why --list` prints it', () => {
  expect(projectText('docs/errors.md')).toBe(refusalsPage());
});

test('every row of the table is on the page once', () => {
  const lines = refusalsPage().split('\n');
  for (const { id } of REFUSALS)
    expect(
      lines.filter((line) => line.includes(`\`${id}\`.`)),
      id,
    ).toHaveLength(1);
});
