import { type ScreenStream, SearchScreen } from '../../lib/cli/search-screen.ts';
import { expect, test } from '../support/test.ts';

function screenOf(isTTY: boolean) {
  const written: string[] = [];
  const stream: ScreenStream = { isTTY, write: (text) => written.push(text) };
  const screen = new SearchScreen(stream);
  const show = (seconds: number, changes: number): void =>
    screen.show({ tried: 3000 * seconds, total: 100_000, changes, seconds });
  return { screen, show, text: () => written.join('') };
}

test('nothing is shown of a search that is over within two seconds', () => {
  const { screen, show, text } = screenOf(true);
  for (const seconds of [0.5, 1, 1.99]) show(seconds, 2);
  screen.end();
  expect(text()).toBe('');
});

test('that no file at hand gives the digest is said once, as soon as several changes are searched, in a line that stays', () => {
  const { screen, show, text } = screenOf(true);
  show(2, 1);
  expect(text()).not.toContain('--artifacts DIR');
  for (const seconds of [2.1, 2.3, 4]) show(seconds, 2);
  screen.end();
  expect(text().split('--artifacts DIR')).toHaveLength(2);
  const lines = text().replaceAll('\r\u001b[K', '<clear>').split('\n');
  expect(lines[0]).toMatch(
    /^<clear>searching single changes: 6000 hypotheses, 6 % of all, 3 thousand a second<clear>no usual change alone /,
  );
  expect(lines.at(-1)).toMatch(/^<clear>searching 2 changes at once/);
  expect(text().endsWith('\r\u001b[K')).toBe(true);
});

test('of a search that the user ends it is said what was tried', () => {
  const { screen, show, text } = screenOf(true);
  show(4, 2);
  screen.interrupted();
  const said = 'snp-conform: interrupted after 12000 hypotheses: the search was not finished\n';
  expect(text().endsWith(`\r\u001b[K${said}`)).toBe(true);
});

test('a log gets a line every five seconds, and no control characters', () => {
  const { screen, show, text } = screenOf(false);
  for (let seconds = 2; seconds < 13; seconds += 1) show(seconds, 3);
  screen.end();
  expect(text().match(/^searching 3 changes at once: \d+ hypotheses/gm)).toHaveLength(3);
  expect(text()).not.toContain('\u001b');
});
