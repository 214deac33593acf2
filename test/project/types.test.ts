import { execa } from 'execa';
import { PROJECT_ROOT, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

/** What is checked with the types of Node, and what is with those of a browser. */
for (const project of ['.', 'report-ui']) {
  test(`the compiler accepts every file of ${project}`, async () => {
    const tsc = projectPath('node_modules', 'typescript', 'bin', 'tsc');
    const done = await execa(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', project], {
      cwd: PROJECT_ROOT,
      stdin: 'ignore',
      reject: false,
    });
    expect(done.stdout.split('\n').filter(Boolean)).toEqual([]);
    expect(done.exitCode).toBe(0);
  });
}
