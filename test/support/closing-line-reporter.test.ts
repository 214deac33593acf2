import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { closingLine } from './closing-line-reporter.ts';
import { PROJECT_ROOT, projectPath } from './paths.ts';
import { expect, test } from './test.ts';

/** Runs the runner with the reporter on one test file. */
async function run(tests: string): Promise<{ exitCode: number | undefined; lines: string[] }> {
  // In the project, so that the runner's package is found; in a folder whose tests no project of ours looks at.
  const folder = await mkdtemp(projectPath('node_modules', '.snp-conform-reporter-'));
  try {
    const reporter = projectPath('test', 'support', 'closing-line-reporter.ts');
    const config = `export default { testDir: '.', reporter: [['dot'], [${JSON.stringify(reporter)}]] };\n`;
    await writeFile(join(folder, 'playwright.config.mjs'), config);
    await writeFile(join(folder, 'a.test.mjs'), `import { _baseTest as test } from '@playwright/test';\n${tests}\n`);
    const cli = projectPath('node_modules', '@playwright', 'test', 'cli.js');
    const done = await execa(process.execPath, [cli, 'test', '-c', join(folder, 'playwright.config.mjs')], {
      cwd: PROJECT_ROOT,
      all: true,
      reject: false,
      stdin: 'ignore',
      // This process is a worker of the same runner; the run inside is not its own.
      env: { TEST_WORKER_INDEX: undefined, TEST_PARALLEL_INDEX: undefined },
    });
    return { exitCode: done.exitCode, lines: done.all.trimEnd().split('\n') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.describe('the closing line', () => {
  test('leaves the skipped out where there are none', () => {
    expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed');
    expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped');
  });

  test('ends a good run, after the reason of each skipped test', async () => {
    const { exitCode, lines } = await run(`
      test('passes', () => {});
      test('is skipped', () => test.skip(true, 'for a reason'));
      test.fixme('is broken', () => {});`);
    expect(lines.slice(-3)).toEqual([
      'skipped: a.test.mjs > is skipped: for a reason',
      'skipped: a.test.mjs > is broken: no reason given',
      '1 passed, 0 failed, 2 skipped',
    ]);
    expect(exitCode).toBe(0);
  });

  test('ends a failed run, and tells what did not run', async () => {
    const { exitCode, lines } = await run(`
      test.describe.serial('in order', () => {
        test('fails', () => { throw new Error('as it must'); });
        test('follows', () => {});
      });`);
    expect(lines.slice(-2)).toEqual([
      'skipped: a.test.mjs > in order > follows: did not run',
      '0 passed, 1 failed, 1 skipped',
    ]);
    expect(exitCode).toBe(1);
  });

  test('fails a run in which nothing ran', async () => {
    const { exitCode, lines } = await run(`test.skip('is skipped', () => {});`);
    expect(lines.at(-1)).toBe('0 passed, 0 failed, 1 skipped');
    expect(exitCode).toBe(1);
  });

  test('counts a file that does not load as failed', async () => {
    const { exitCode, lines } = await run(`test('passes', () => {}); throw new Error('while loading');`);
    expect(lines.at(-1)).toMatch(/^0 passed, [1-9]\d* failed$/);
    expect(exitCode).toBe(1);
  });
});
