import { mkdirSync, writeFileSync } from 'node:fs';
import { otherRuns } from '../../lib/reporters/past-runs.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

test('a run that ended before its first cell is no trouble of the next one', () => {
  mkdirSync(path('earlier', '2026-01-01T00-00-00-000Z'), { recursive: true });
  writeFileSync(path('earlier', '2026-01-01T00-00-00-000Z', 'plan.json'), '{}');
  expect(otherRuns(path(), null)).toEqual({ earlier: undefined, past: [], troubles: [] });
});
