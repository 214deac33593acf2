import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import fc from 'fast-check';
import { readCell } from '../../lib/evidence/cell-codec.ts';
import { readRecording } from '../../lib/evidence/recording.ts';
import { cellFileSchema } from '../../lib/evidence/schema.ts';
import { cellFilePath, concludeCell } from '../../lib/runner/outcome.ts';
import { predictEvidence } from '../../lib/runner/predict-cell.ts';
import { recordRun } from '../../lib/runner/record.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';
import { SHIPPED_RECORDING } from './plans.ts';

const path = testFolder();
const { evidence } = readRecording(SHIPPED_RECORDING);
const NOW = new Date('2026-01-02T00:00:00.000Z');

test('the file of a cell is readable', () => {
  const id = 'amdsev/stable/policy-0x30000/features-0x1/4-vcpu/EPYC-v4';
  expect(cellFilePath('/run', 'milan-1', id)).toBe(
    '/run/cells/milan-1/amdsev__stable__policy-0x30000__features-0x1__4-vcpu__EPYC-v4.json',
  );
});

test('no two ids share a file, and every file has a name that a file system takes', () => {
  const visible = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 400,
  });
  const near = fc
    .array(fc.constantFrom('a', '/', '_', '__', '.', '..', ',', 'A'), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(''));
  const id = fc.oneof(visible, near);
  fc.assert(
    fc.property(id, id, (one, other) => {
      const [first, second] = [cellFilePath('/run', 'h', one), cellFilePath('/run', 'h', other)];
      // The runner's `expect` costs more than all that is tested here.
      assert.equal(first === second, one === other);
      assert.match(first, /^\/run\/cells\/h\//);
      assert(basename(first).length < 220);
    }),
    { numRuns: 2000 },
  );
});

test('a cell is judged and kept, and the kept cells make the same recording again', async () => {
  const outcomes = await Promise.all(
    evidence.map((one) =>
      concludeCell(
        { cell: readCell(one.cell), scenario: undefined },
        { prediction: predictEvidence(one), evidence: one },
        {
          runDirectory: path('run'),
          durability: 'passing',
          explain: { mode: 'off', prober: null, atHand: () => Promise.reject(new Error('nothing is to be explained')) },
          signal: new AbortController().signal,
        },
      ),
    ),
  );
  expect(outcomes.map(({ verdict }) => verdict.result)).toEqual(evidence.map(() => 'pass'));
  const [first] = outcomes;
  const kept = cellFileSchema.parse(JSON.parse(readFileSync(first?.file ?? '', 'utf8')));
  expect(kept.evidence).toEqual(evidence[0]);
  expect(kept.predicted).toBe(Buffer.from(first?.prediction.launchDigest ?? []).toString('hex'));

  expect(await recordRun(path('run'), path('again.gz'), { now: NOW })).toBe(evidence.length);
  const again = readRecording(path('again.gz'));
  const byHostAndId = (all: typeof evidence) => new Map(all.map((one) => [`${one.host.name} ${one.cell.id}`, one]));
  expect(byHostAndId(again.evidence)).toEqual(byHostAndId(evidence));
  expect(again.header).toMatchObject({ kinds: ['emulated'], recordedAt: NOW.toISOString() });
});

test('a run that left no evidence makes no recording', async () => {
  expect(await rejection(recordRun(path('nowhere'), path('none.gz'), { now: NOW }))).toMatchObject({
    code: 'FILE_UNREADABLE',
  });
});
