import { execa } from 'execa';
import { PROJECT_ROOT, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

test('the compiler accepts every file', async () => {
  const tsc = projectPath('node_modules', 'typescript', 'bin', 'tsc');
  const done = await execa(process.execPath, [tsc, '--noEmit', '--pretty', 'false'], {
    cwd: PROJECT_ROOT,
    stdin: 'ignore',
    reject: false,
  });
  expect(done.stdout.split('\n').filter(Boolean)).toEqual([]);
  expect(done.exitCode).toBe(0);
});
