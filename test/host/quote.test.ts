import fc from 'fast-check';
import { quoteArgument, quoteCommand } from '../../lib/host/quote.ts';
import type { Session } from '../../lib/host/session.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { openLabSession } from './lab.ts';

test('puts an argument into single quotes, and a single quote outside of them', () => {
  expect(quoteArgument('')).toBe("''");
  expect(quoteArgument('a b')).toBe("'a b'");
  expect(quoteArgument("it's")).toBe(`'it'\\''s'`);
  expect(quoteCommand(['echo', '$(id)'])).toBe("'echo' '$(id)'");
});

test('refuses half of a surrogate pair, which has no UTF-8', () => {
  expect(() => quoteArgument('a\ud800b')).toThrow('ARGUMENT_INVALID');
  expect(quoteArgument('𝄞')).toBe("'𝄞'");
});

test('refuses a NUL, no program, and a line longer than Linux takes', () => {
  expect(() => quoteArgument('a\0')).toThrow('ARGUMENT_INVALID: an argument holds a NUL at character 1');
  expect(() => quoteCommand([])).toThrow('ARGUMENT_INVALID');
  expect(() => quoteCommand(['x'.repeat(128 * 1024)])).toThrow('at most 131071 reach a host');
});

test.describe('through a real SSH server', () => {
  let sshd: Sshd;
  let session: Session;
  test.beforeAll(async () => {
    sshd = await startSshd();
    session = await openLabSession(sshd);
  });
  test.afterAll(async () => {
    await session.close();
    await sshd.stop();
  });

  /** What a program on the host sees: each argument between brackets of its own. */
  async function seen(args: readonly string[]): Promise<string> {
    return (await session.run(['printf', '[%s]\\n', ...args])).stdout;
  }

  const nasty = [
    '',
    ' ',
    "'",
    '"',
    "''\\''",
    '$(touch /tmp/never)',
    '`id`',
    '$HOME',
    '~',
    '*',
    'a;b',
    'a&&b',
    '|',
    '>x',
    '<x',
    '#x',
    '!x',
    '\\',
    '\\n',
    'a\nb',
    'a\r\nb\tc',
    '-n',
    '--',
    'ünï ⌘ 𝄞',
    '\u0001\u001b[31m',
    '%s',
    '{a,b}',
    '\u007f',
  ];

  for (const [number, argument] of nasty.entries()) {
    test(`number ${number}, ${JSON.stringify(argument)}, arrives unchanged`, async () => {
      expect(await seen([argument, 'end'])).toBe(`[${argument}]\n[end]\n`);
    });
  }

  test('no list of arguments is ever interpreted', async () => {
    const hostile = fc.constantFrom(...nasty, ...'\'"$`\\!*?[]{}()<>|&;#~ \n\t=%^');
    const text = fc
      .array(fc.oneof(hostile, fc.string({ unit: 'grapheme' })), { maxLength: 8 })
      .map((parts) => parts.join('').replaceAll('\0', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 6 }), async (args) => {
        expect(await seen(args)).toBe(args.map((argument) => `[${argument}]\n`).join(''));
      }),
      { numRuns: tries(25, 500) },
    );
  });

  test('an argument of 100 kB arrives whole', async () => {
    const { stdout } = await session.run(['printf', '%s', 'y'.repeat(100_000)]);
    expect(stdout).toHaveLength(100_000);
  });
});
