import { Progress } from '../../lib/reporters/progress.ts';
import type { ResultRow } from '../../lib/reporters/row.ts';
import { expect, test } from '../support/test.ts';
import { row } from './rows.ts';

/** A screen that keeps what is written, with a clock set by hand. */
class FakeScreen {
  readonly written: string[] = [];
  readonly isTerminal: boolean;
  isQuiet = false;
  columns = 200;
  time = 0;

  constructor(isTerminal: boolean) {
    this.isTerminal = isTerminal;
  }

  write(text: string): void {
    this.written.push(text);
  }

  now(): number {
    return this.time;
  }

  get all(): string {
    return this.written.join('');
  }
}

/** Adds rows, one every so many milliseconds. */
function run(screen: FakeScreen, total: number, rows: readonly ResultRow[], everyMs: number): Progress {
  const progress = new Progress(screen, total);
  for (const one of rows) {
    screen.time += everyMs;
    progress.add(one);
  }
  return progress;
}

const passes = (count: number): ResultRow[] => Array.from({ length: count }, () => row('pass'));

test('how long is left is not guessed before as many cells are done as run at once', () => {
  const screen = new FakeScreen(true);
  const progress = new Progress(screen, 8);
  for (let at = 0; at < 3; at++) progress.begin('milan-1');
  screen.time = 30_000;
  progress.add(row('pass'));
  expect(screen.written.at(-1)).toMatch(/1 of 8 cells: 1 passed, 0 failed; running: \S+ 2$/);
  screen.time = 40_000;
  progress.add(row('pass'));
  expect(screen.written.at(-1)).toContain('about 120 s left');
});

test('what runs is told by the launches, where these are made before their tests begin', () => {
  const screen = new FakeScreen(true);
  const progress = new Progress(screen, 9, () => new Map([['milan-1', 4]]));
  progress.begin('milan-1');
  screen.time = 30_000;
  progress.add(row('pass'));
  expect(screen.written.at(-1)).toMatch(/1 of 9 cells: 1 passed, 0 failed; running: milan-1 4$/);
});

test('on a terminal one line is rewritten, and gone at the end', () => {
  const screen = new FakeScreen(true);
  const progress = run(screen, 4, passes(2), 1000);
  expect(screen.written.at(-1)).toBe('\r\u001b[K2 of 4 cells: 2 passed, 0 failed, about 2 s left');
  progress.end();
  expect(screen.written.at(-1)).toBe('\r\u001b[K');
  expect(screen.all).not.toContain('\n');
});

test('a terminal is not written to more often than it can be read', () => {
  const screen = new FakeScreen(true);
  run(screen, 1000, passes(1000), 1);
  expect(screen.written.length).toBeLessThanOrEqual(10);
});

test('on a narrow terminal the line does not wrap', () => {
  const screen = new FakeScreen(true);
  screen.columns = 20;
  run(screen, 4, passes(1), 1000);
  expect(screen.written.at(-1)?.replace('\r\u001b[K', '').length).toBe(19);
});

test('a log gets whole lines, four a minute, and no escapes', () => {
  const screen = new FakeScreen(false);
  run(screen, 1000, passes(600), 100).end();
  expect(screen.written).toHaveLength(4);
  expect(screen.written[0]).toBe('150 of 1000 cells: 150 passed, 0 failed, about 85 s left\n');
  expect(screen.all).not.toContain('\u001b');
});

test('trouble is told at once, with host, cell and reason; a skip is no trouble', () => {
  const screen = new FakeScreen(false);
  run(screen, 9, [row('skip'), row('fail', { message: 'CHECK_FAILED: one\ntwo' }), row('infrastructure')], 1);
  expect(screen.written).toEqual([
    'FAIL milan-1 amdsev/stable/fail\n    CHECK_FAILED: one\n    two\n',
    'INFRASTRUCTURE milan-1 amdsev/stable/infrastructure\n    infrastructure for a reason\n',
  ]);
});

test('trouble on a terminal clears the line first', () => {
  const screen = new FakeScreen(true);
  run(screen, 9, [row('fail')], 1);
  expect(screen.written[0]).toBe('\r\u001b[K');
});

test('what a guest printed cannot write on the terminal', () => {
  const screen = new FakeScreen(false);
  run(screen, 9, [row('fail', { message: '\u001b]0;owned\u0007\u001b[2Jbad\u202e' })], 1);
  expect(screen.all).toBe('FAIL milan-1 amdsev/stable/fail\n    bad\ufffd\n');
});

test('the hosts on which cells run are told, as long as they do', () => {
  const screen = new FakeScreen(true);
  const progress = new Progress(screen, 9);
  for (const host of ['milan-1', 'milan-1', 'genoa-1']) progress.begin(host);
  screen.time += 1000;
  progress.add(row('pass', { host: 'milan-1' }));
  expect(screen.written.at(-1)).toMatch(/1 of 9 cells: .*; running: genoa-1 1, milan-1 1$/);
  screen.time += 1000;
  progress.add(row('pass', { host: 'milan-1' }));
  expect(screen.written.at(-1)).toMatch(/; running: genoa-1 1$/);
});

test('a log that nobody watches gets a line every two minutes, and all trouble', () => {
  const screen = new FakeScreen(false);
  screen.isQuiet = true;
  run(screen, 1000, [...passes(500), row('fail')], 1000);
  expect(screen.written).toHaveLength(5);
  expect(screen.written.at(-1)).toMatch(/^FAIL /);
});

test('what a guest printed is no command of a build server', () => {
  const screen = new FakeScreen(false);
  run(
    screen,
    9,
    [row('fail', { message: '::add-mask::x\n  ::set-output name=a::b\nx ##[add-path]y ##vso[task.setvariable]z' })],
    1,
  );
  expect(screen.all).not.toMatch(/^\s*::/m);
  expect(screen.all).not.toMatch(/##\[|##vso\[/);
});
