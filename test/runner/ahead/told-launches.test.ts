import type { Told } from '../../../lib/runner/ahead/messages.ts';
import { ToldLaunches } from '../../../lib/runner/ahead/told-launches.ts';
import { expect, test } from '../../support/test.ts';

const told = (launch: string, host = 'milan-1'): Told => ({ host, launch, tookMs: 12, notices: [], error: null });
const there = (): boolean => true;

test('what was announced is waited for, given to the first who asks, and known of no more', async () => {
  const launches = new ToldLaunches();
  launches.announce('milan-1', 'a');
  const [first, second] = [launches.take('milan-1', 'a', there), launches.take('milan-1', 'a', there)];
  launches.tell(told('a'));
  expect([await first, await second]).toEqual([told('a'), null]);
  expect(await launches.take('milan-1', 'a', there)).toBeNull();
});

test('nobody waits for what was not announced, nor on another host', async () => {
  const launches = new ToldLaunches();
  launches.announce('milan-1', 'a');
  expect(await launches.take('milan-1', 'b', there)).toBeNull();
  expect(await launches.take('genoa-1', 'a', there)).toBeNull();
});

test('what nobody is there to take any more is kept for whoever asks next', async () => {
  const launches = new ToldLaunches();
  launches.announce('milan-1', 'a');
  const gone = launches.take('milan-1', 'a', () => false);
  launches.tell(told('a'));
  expect(await gone).toBeNull();
  expect(await launches.take('milan-1', 'a', there)).toEqual(told('a'));
});

test('a host whose process is gone is given up, with what was told of it kept, and other hosts go on', async () => {
  const launches = new ToldLaunches();
  for (const launch of ['a', 'b']) launches.announce('milan-1', launch);
  launches.announce('genoa-1', 'a');
  launches.tell(told('a'));
  launches.giveUpAll(['milan-1']);
  launches.tell(told('b'));
  expect(await launches.take('milan-1', 'a', there)).toEqual(told('a'));
  expect(await launches.take('milan-1', 'b', there)).toBeNull();
  expect(launches.isUnderWay('genoa-1', 'a')).toBe(true);
});

test('a launch that two tests announce is one launch', () => {
  const launches = new ToldLaunches();
  expect([launches.announce('milan-1', 'a'), launches.announce('milan-1', 'a')]).toEqual([true, false]);
});

test('what no test has asked for is known at the end', () => {
  const launches = new ToldLaunches();
  for (const launch of ['a', 'b']) launches.announce('milan-1', launch);
  launches.tell(told('a'));
  expect(['a', 'b', 'c'].map((launch) => launches.untaken('milan-1', launch))).toEqual([told('a'), null, null]);
});
