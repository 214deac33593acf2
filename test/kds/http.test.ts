import { HarnessError } from '../../lib/errors.ts';
import { KDS_LIMITS, kdsGet, retryAfterMs } from '../../lib/kds/http.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';
import { type Answer, FakeEdge, FakeKds } from './server.ts';

const NOW = new Date('2026-06-01T12:00:00Z');

let kds: FakeKds;
let base: string;
let edge: FakeEdge;

test.beforeEach(async () => {
  kds = new FakeKds();
  base = await kds.start();
  edge = new FakeEdge(NOW);
});
test.afterEach(() => kds.stop());

/** Answers one after another; the last of them again and again. */
function inOrder(...answers: readonly Answer[]): () => Answer {
  let next = 0;
  return () => {
    const answer = answers[Math.min(next, answers.length - 1)];
    next += 1;
    return answer;
  };
}

async function troubleOf(work: Promise<unknown>): Promise<HarnessError> {
  const error = await rejection(work);
  if (error instanceof HarnessError) return error;
  throw error;
}

const get = (limits = {}) => kdsGet(`${base}/thing`, { ...KDS_LIMITS, ...limits }, edge);

test('an answer is its bytes', async () => {
  kds.routes.set('/thing', { body: Uint8Array.of(0, 255, 1) });
  expect(await get()).toEqual(Uint8Array.of(0, 255, 1));
  expect(edge.pauses).toEqual([]);
});

test('404 is no error: there is no such thing, and asking again does not change it', async () => {
  expect(await get()).toBeUndefined();
  expect(kds.asked).toHaveLength(1);
});

test('a throttled request waits as long as the service asks, in seconds', async () => {
  kds.routes.set('/thing', inOrder({ status: 429, headers: { 'retry-after': '17' } }, { body: 'x' }));
  expect(await get()).toEqual(new Uint8Array([0x78]));
  expect(edge.pauses).toEqual([17_000]);
  expect(edge.notes).toEqual([expect.stringMatching(/HTTP status 429 Too Many Requests; asking again in 17 s$/)]);
});

test('a throttled request waits until the date that the service names', async () => {
  const date = new Date(NOW.getTime() + 5_000).toUTCString();
  kds.routes.set('/thing', inOrder({ status: 429, headers: { 'retry-after': date } }, { body: 'x' }));
  await get();
  expect(edge.pauses).toEqual([5_000]);
});

test('a service that asks for no pause gets the shortest one', async () => {
  kds.routes.set('/thing', inOrder({ status: 503, headers: { 'retry-after': '0' } }, { body: 'x' }));
  await get({ pauseMs: 1_000 });
  expect(edge.pauses).toEqual([1_000]);
});

test('without a word of the service each pause is twice the one before, up to its bound', async () => {
  kds.routes.set('/thing', { status: 429 });
  const error = await troubleOf(get({ attempts: 7, pauseMs: 1_000, pauseMsMax: 10_000 }));
  expect(edge.pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(error).toMatchObject({ code: 'KDS_THROTTLED', kind: 'infrastructure' });
  expect(kds.asked).toHaveLength(7);
});

test('a wait that is longer than anybody waits is an error at once, and says how long it is', async () => {
  kds.routes.set('/thing', { status: 429, headers: { 'retry-after': '3600' } });
  const error = await troubleOf(get());
  expect(error.code).toBe('KDS_THROTTLED');
  expect(error.what).toContain('it asks to wait 3600 s');
  expect(kds.asked).toHaveLength(1);
});

for (const status of [500, 502, 503]) {
  test(`${status} is trouble of the service: asked again, and then infrastructure`, async () => {
    kds.routes.set('/thing', inOrder({ status }, { body: 'x' }));
    expect(await get()).toEqual(new Uint8Array([0x78]));
    kds.routes.set('/thing', { status });
    const error = await troubleOf(get());
    expect(error).toMatchObject({ code: 'KDS_UNREACHABLE', kind: 'infrastructure', where: `${base}/thing` });
    expect(error.what).toContain(`HTTP status ${status}`);
  });
}

for (const status of [400, 403, 204]) {
  test(`${status} is no answer of the service, and is not asked for again`, async () => {
    kds.routes.set('/thing', { status });
    expect(await troubleOf(get())).toMatchObject({ code: 'KDS_ANSWER', kind: 'infrastructure' });
    expect(kds.asked).toHaveLength(1);
  });
}

test('a service that accepts and says nothing is given up after its time', async () => {
  kds.routes.set('/thing', undefined);
  const error = await troubleOf(get({ attempts: 2, timeoutMs: 50 }));
  expect(error.code).toBe('KDS_UNREACHABLE');
  expect(error.what).toContain('no whole answer within 0.05 s');
  expect(kds.asked).toHaveLength(2);
});

test('an answer that is too large is cut off and refused', async () => {
  kds.routes.set('/thing', { body: new Uint8Array(5000) });
  expect(await get({ bodyBytesMax: 5000 })).toHaveLength(5000);
  const error = await troubleOf(get({ bodyBytesMax: 4999 }));
  expect(error).toMatchObject({ code: 'KDS_ANSWER', what: 'the answer is larger than 4999 bytes' });
});

test('a service that is not there is infrastructure, and the message says what the network said', async () => {
  await kds.stop();
  const error = await troubleOf(get({ attempts: 2 }));
  expect(error).toMatchObject({ code: 'KDS_UNREACHABLE', kind: 'infrastructure' });
  expect(error.what).toMatch(/after 2 attempts: .*ECONNREFUSED/);
  kds = new FakeKds();
  await kds.start();
});

test('Retry-After is read as seconds or a date, and as nothing where it is neither', () => {
  expect(retryAfterMs('0', NOW)).toBe(0);
  expect(retryAfterMs(' 120 ', NOW)).toBe(120_000);
  expect(retryAfterMs('Mon, 01 Jun 2026 12:01:00 GMT', NOW)).toBe(60_000);
  expect(retryAfterMs('Mon, 01 Jun 2026 11:00:00 GMT', NOW)).toBe(0);
  for (const nonsense of [null, '', 'soon', '-5'])
    expect(retryAfterMs(nonsense, NOW), String(nonsense)).toBeUndefined();
});
