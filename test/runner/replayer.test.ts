import { readCell } from '../../lib/evidence/cell-codec.ts';
import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { writeRecording } from '../../lib/evidence/recording/writer.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import type { CellLaunch } from '../../lib/runner/outcome.ts';
import { Replayer } from '../../lib/runner/replayer.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';
import { SHIPPED_RECORDING } from './plans.ts';

const path = testFolder();
const SHIPPED = openRecording(SHIPPED_RECORDING);

function firstRow(): RecordedRow {
  const [row] = SHIPPED.rows();
  if (row === undefined) throw new Error('the recording that ships has a row');
  return row;
}

const launchOfRow = ({ cell }: RecordedRow): CellLaunch => {
  if (cell === null) throw new Error('the row is of a cell');
  return { cell: readCell(cell), scenario: undefined };
};

/** Plays one row back, changed. */
async function replaying(change: Partial<RecordedRow>): Promise<{ replayer: Replayer; launch: CellLaunch }> {
  const row = { ...firstRow(), ...change };
  const file = path('one.jsonl.gz');
  await writeRecording(file, () => [row], { recordedAt: new Date(0), tool: 'test', redactions: {} });
  return { replayer: new Replayer(row.host, openRecording(file)), launch: launchOfRow(row) };
}

const LOST = 'SSH_LOST: the connection was lost (host a)\n  hint: is the machine up?';
const NOTHING = { evidence: null, judged: null } as const;

test('a cell that left nothing is the trouble again that it was, word for word', async () => {
  const { replayer, launch } = await replaying({ ...NOTHING, result: 'infrastructure', message: LOST });
  expect(await rejection(replayer.evidenceOf(launch))).toMatchObject({ code: 'SSH_LOST', message: LOST });
});

test('a cell that ended with no code of the harness is the lab that broke, never a pass', async () => {
  const message = 'Test timeout of 300000ms exceeded.';
  const { replayer, launch } = await replaying({ ...NOTHING, result: 'infrastructure', message });
  expect(await rejection(replayer.evidenceOf(launch))).toMatchObject({ code: 'LAUNCH_BROKEN', what: message });
});

test('what a suite of one’s own expected in vain is not what the cell came to', async () => {
  const { replayer, launch } = await replaying({ result: 'fail', message: 'expect(received).toBe(expected)' });
  expect((await replayer.evidenceOf(launch)).recorded?.result).toBe('pass');
});

test('a cell that was skipped is skipped again, for its reason', async () => {
  const { replayer, launch } = await replaying({ ...NOTHING, result: 'skip', message: 'no QEMU named "old"' });
  expect(await replayer.expectationOf(launch)).toEqual({ outcome: 'unknown', why: 'no QEMU named "old"' });
});

test('evidence comes with what was made of it then, beside what is predicted now', async () => {
  const row = firstRow();
  const then = { predicted: 'ab'.repeat(48), verdict: { result: 'fail' as const, checks: [] } };
  const { replayer, launch } = await replaying({ result: 'fail', judged: then });
  const { recorded, prediction, evidence } = await replayer.evidenceOf(launch);
  expect(recorded).toEqual({ result: 'fail', predicted: then.predicted });
  expect(evidence).toEqual(row.evidence);
  expect(Buffer.from(prediction.launchDigest).toString('hex')).not.toBe(then.predicted);
});

test('a cell that was not recorded on this host is an error that names both', async () => {
  const launch = launchOfRow(firstRow());
  const other = new Replayer('another', SHIPPED);
  expect(await rejection(other.evidenceOf(launch))).toMatchObject({
    code: 'RECORDING_INVALID',
    what: expect.stringContaining(launch.cell.id),
    where: 'host another',
  });
});

test('the artifacts at hand are each file of the recording once', async () => {
  const { firmwares, kernels } = await new Replayer('any', SHIPPED).artifactsAtHand();
  const rows = [...SHIPPED.rows()].flatMap(({ evidence }) => evidence ?? []);
  const hashes = (of: (one: (typeof rows)[number]) => string | undefined): Set<string | undefined> =>
    new Set(rows.map(of).filter((hash) => hash !== undefined));
  expect(firmwares.length).toBe(hashes(({ artifacts }) => artifacts.firmware.sha256).size);
  expect(kernels.map(({ sha256 }) => Buffer.from(sha256).toString('hex')).sort()).toEqual(
    [...hashes(({ artifacts }) => artifacts.kernel?.sha256)].sort(),
  );
});
