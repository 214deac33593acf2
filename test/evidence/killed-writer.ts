import { beginManifest, keepFile } from '../../lib/evidence/manifest.ts';
import { appendResult } from '../../lib/evidence/run-directory.ts';

/** Keeps cells as fast as it can and says of each that it is kept, until it is killed. argv: run directory, first number. */
const [runDirectory = '', first = '0', cellText = '{}'] = process.argv.slice(2);
const cell = JSON.parse(cellText) as { evidence: { cell: { id: string }; host: { name: string } } };

if (first === '0') beginManifest(runDirectory, { tool: 'test', startedAt: '2026-01-01T00:00:00Z', recording: null });
for (let number = Number(first); ; number++) {
  const id = `cell-${number}`;
  const made = { ...cell, evidence: { ...cell.evidence, cell: { ...cell.evidence.cell, id } } };
  await keepFile(runDirectory, `cells/made/${id}.json`, JSON.stringify(made, null, 1), 'lasting');
  // Only what is said to be kept must be there afterwards.
  process.stdout.write(`${id}\n`);
  appendResult(runDirectory, {
    ...{ suite: 'launch', host: 'made', id, result: 'pass', durationMs: 1, message: '' },
    cell: made.evidence.cell as never,
  });
}
