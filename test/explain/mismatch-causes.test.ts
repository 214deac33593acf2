import { CAUSES, SEEN_CAUSES } from '../../lib/explain/causes.ts';
import { answerQuestion } from '../../lib/runner/answer.ts';
import { projectText } from '../project/files.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { measuredDigest, predictedLaunch, readExamples } from './examples.ts';
import { writeExampleFiles } from './made-files.ts';

const inFolder = testFolder();
const EXAMPLES = readExamples();

test.beforeAll(() => {
  writeExampleFiles(inFolder('.'));
});

test('every cause that can be named has an entry with an example, and every entry is one that can be named', () => {
  expect([...new Set(EXAMPLES.map(({ cause }) => cause))].sort()).toEqual(Object.keys(CAUSES).sort());
  for (const cause of Object.keys(SEEN_CAUSES))
    expect(projectText('docs/mismatch-causes.md')).toContain(`### ${cause}\n`);
  expect(EXAMPLES.length).toBeGreaterThanOrEqual(70);
});

/** A value as the examples write it: command lines quoted, files without their folder. */
function shown(input: string, value: string | null, folder: string): string {
  if (value === null) return 'none';
  return input === 'cmdline' ? JSON.stringify(value) : value.replaceAll(`${folder}/`, '');
}

for (const example of EXAMPLES) {
  test(`docs/mismatch-causes.md:${example.line}: ${example.cause} is named first`, async () => {
    const folder = inFolder('.').replace(/\/\.?$/, '');
    const { known, image } = await predictedLaunch(example.predicted, folder);
    const target = await measuredDigest(example, folder);
    const answer = await answerQuestion(
      { known, image, target, direction: 'observed' },
      { limitMs: 60_000, cores: 'one' },
    );
    const [first] = answer.explanations;
    const changes = (first?.changes ?? []).map(
      ({ input, from, to }) => `${input} ${shown(input, from, folder)} -> ${shown(input, to, folder)}`,
    );
    expect(changes.join(', ')).toBe(example.explained);
    if (changes.length <= 1) expect(first?.cause).toBe(example.cause);
    expect(first?.kind).toBe('match');
  });
}
