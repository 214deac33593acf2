import { CHECKS } from '../../lib/judge/checks.ts';
import { expect, test } from '../support/test.ts';
import { projectText } from './files.ts';

test('docs/checks.md lists every check in its order, with the source that the code names', () => {
  const rows = (projectText('docs/checks.md') ?? '').split('\n').filter((line) => line.startsWith('| `'));
  const written = rows
    .map((row) => row.split(' | '))
    .map(([name, claim, source]) => ({ name, source, claims: claim !== '' }));
  const wanted = CHECKS.map(({ name, source }) => ({ name: `| \`${name}\``, source: `${source} |`, claims: true }));
  expect(written).toEqual(wanted);
});
