import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openRunDirectory } from '../../lib/evidence/run-directory.ts';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { evidence } from '../judge/made-evidence.ts';
import { bundled } from '../support/bundled.ts';
import { testFolder } from '../support/folder.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();
const writer = bundled('test', 'evidence', 'killed-writer.ts');
const KILLS = tries(12, 100);
/** A generator of its own, so that a failure can be repeated. Source: Numerical Recipes, a linear congruence. */
let seed = 20260102;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed % below;
};

const CELL: CellFile = {
  format: 'snp-conform/cell@1',
  evidence: evidence(),
  predicted: 'd1'.repeat(48),
  verdict: { result: 'pass', checks: [] },
};

test(`a writer that is killed at ${KILLS} random moments loses no cell that it kept, and leaves a run that can be read`, async () => {
  test.setTimeout(180_000);
  const kept = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [writer, path('run'), String(kept.size + kill), JSON.stringify(CELL)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(child.stdout, 'data');
    const moment = random(12_000);
    const until = performance.now() + moment / 1000;
    while (performance.now() < until) await new Promise((next) => setImmediate(next));
    child.kill('SIGKILL');
    await once(child, 'close');
    // A line that was cut off was not said.
    for (const id of said.split('\n').slice(0, -1)) kept.add(id);
  }
  const run = openRunDirectory(path('run'));
  expect(run.damages).toEqual([]);
  const there = new Set([...run.rows()].filter((row) => row.evidence !== null).map(({ id }) => id));
  expect([...kept].filter((id) => !there.has(id))).toEqual([]);
  expect(kept.size).toBeGreaterThanOrEqual(KILLS);
});
