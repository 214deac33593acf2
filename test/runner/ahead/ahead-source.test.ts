import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { readRecording } from '../../../lib/evidence/recording.ts';
import { AheadSource } from '../../../lib/runner/ahead/ahead-source.ts';
import type { Question, Told } from '../../../lib/runner/ahead/messages.ts';
import { MAX_LINE_BYTES } from '../../../lib/runner/ahead/messages.ts';
import { type CellLaunch, cellFilePath, type EvidenceSource } from '../../../lib/runner/outcome.ts';
import { loadPlan } from '../../../lib/runner/plan.ts';
import { evidence, prediction } from '../../judge/made-evidence.ts';
import { testFolder } from '../../support/folder.ts';
import { expect, test } from '../../support/test.ts';
import { rejection } from '../../support/until.ts';
import { replayPlan, SHIPPED_RECORDING } from '../plans.ts';

const path = testFolder();
const [hosted] = loadPlan(replayPlan('/x')).cells;
assert(hosted);
const LAUNCH: CellLaunch = { cell: hosted.cell, scenario: undefined };
const NAME = hosted.cell.id;
const NEVER = new AbortController().signal;
const HERE = { prediction, evidence: evidence() };

/** What launches in the process of the test itself. */
class Own {
  launches = 0;
  closed = 0;
  readonly source = {
    evidenceOf: async () => {
      this.launches += 1;
      return HERE;
    },
    takeAccount: () => ({ notices: ['tried twice here'] }),
    close: async () => {
      this.closed += 1;
    },
  } as unknown as EvidenceSource;
}

let runners = 0;

/** A runner that answers as the test says, and the source that asks it. */
async function asking(answer: (question: Question, socket: Socket, asked: number) => void) {
  const [socketPath, own] = [path(`${runners++}.sock`), new Own()];
  const sockets: Socket[] = [];
  let asked = 0;
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => {
      for (const line of String(chunk).trim().split('\n')) answer(JSON.parse(line), socket, ++asked);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const source = new AheadSource('milan-1', path('run'), socketPath, async () => own.source);
  const end = async (): Promise<void> => {
    await source.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { source, own, end };
}

const say = (socket: Socket, question: Question, told: Partial<Told> | null): void => {
  const whole = told && { ...question, tookMs: 1234, notices: [], error: null, ...told };
  socket.write(`${JSON.stringify({ ...question, told: whole })}\n`);
};

test('what a launch left is read from its file, and its account is told once', async () => {
  const { source, own, end } = await asking((question, socket) => say(socket, question, { notices: ['tried twice'] }));
  const file = cellFilePath(path('run'), 'milan-1', NAME);
  mkdirSync(dirname(file), { recursive: true });
  const [left] = readRecording(SHIPPED_RECORDING).evidence;
  assert(left);
  const verdict = { result: 'pass', checks: [] };
  writeFileSync(
    file,
    JSON.stringify({ format: 'snp-conform/cell@1', evidence: left, predicted: 'd1'.repeat(48), verdict }),
  );
  const { evidence: read, kept } = await source.evidenceOf(LAUNCH, NEVER);
  expect(read.outcome.report).toBe(left.outcome.report);
  expect(kept?.predicted).toBe('d1'.repeat(48));
  expect(source.takeAccount(LAUNCH)).toEqual({ notices: ['tried twice'], tookMs: 1234 });
  expect(source.takeAccount(LAUNCH)).toEqual({ notices: [] });
  expect(own.launches).toBe(0);
  await end();
});

test('what stood in its way is the error of the test, of the same code', async () => {
  const error = { code: 'SSH_LOST', what: 'the connection was lost', where: 'host milan-1', hint: 'see sshd' } as const;
  const { source, own, end } = await asking((question, socket) => say(socket, question, { error }));
  expect(await rejection(source.evidenceOf(LAUNCH, NEVER))).toMatchObject(error);
  expect(own.launches).toBe(0);
  await end();
});

test('a file that is gone is an error of this machine, not a pass', async () => {
  const { source, end } = await asking((question, socket) => say(socket, question, {}));
  const other = { ...LAUNCH, cell: { ...LAUNCH.cell, id: 'no/such/file' } };
  expect(await rejection(source.evidenceOf(other, NEVER))).toMatchObject({ code: 'OUTPUT_FAILED' });
  await end();
});

/** Runners that tell nothing of a launch. */
const KNOWS_NOTHING: Record<string, (question: Question, socket: Socket) => void> = {
  'does not know the launch': (question, socket) => say(socket, question, null),
  goes: (_question, socket) => void socket.destroy(),
  'says what is no answer': (_question, socket) => void socket.write('{"launch":7}\n'),
  'says what is no JSON': (_question, socket) => void socket.write('told\n'),
  'never ends its line': (_question, socket) => void socket.write(Buffer.alloc(MAX_LINE_BYTES + 1, 'x')),
};
for (const [which, answer] of Object.entries(KNOWS_NOTHING)) {
  test(`a test launches by itself where the runner ${which}`, async () => {
    const { source, own, end } = await asking(answer);
    expect(await source.evidenceOf(LAUNCH, NEVER)).toBe(HERE);
    expect(source.takeAccount(LAUNCH)).toEqual({ notices: ['tried twice here'] });
    expect(own.launches).toBe(1);
    await end();
    expect(own.closed).toBe(1);
  });
}

test('a test launches by itself where there is no runner', async () => {
  const own = new Own();
  const source = new AheadSource('milan-1', path('run'), path('nobody.sock'), async () => own.source);
  expect(await source.evidenceOf(LAUNCH, NEVER)).toBe(HERE);
  await source.close();
});

test('a test that asks twice at once has two answers', async () => {
  const first: Question[] = [];
  const { source, own, end } = await asking((question, socket, asked) => {
    if (asked === 1) first.push(question);
    else for (const each of [...first, question]) say(socket, each, null);
  });
  await Promise.all([source.evidenceOf(LAUNCH, NEVER), source.evidenceOf(LAUNCH, NEVER)]);
  expect(own.launches).toBe(2);
  await end();
});

for (const when of ['before it asks', 'while it waits'] as const) {
  test(`a test that is over ${when} waits for nothing`, async () => {
    const abort = new AbortController();
    if (when === 'before it asks') abort.abort();
    const { source, own, end } = await asking(() => abort.abort());
    expect(await rejection(source.evidenceOf(LAUNCH, abort.signal))).toMatchObject({ code: 'HOST_TIMEOUT' });
    expect(own.launches).toBe(0);
    await end();
  });
}
