import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { MAX_SECTION_BYTES, parseSections, SECTION_PREAMBLE, textOf } from '../../../lib/host/preflight/sections.ts';
import { expect, test } from '../../support/test.ts';

const MARK = ':0123456789abcdef';

function answered(script: string, shell: readonly [string, ...string[]] = ['sh']): ReturnType<typeof parseSections> {
  const [program, ...args] = shell;
  const output = execFileSync(program, [...args, '-c', `${SECTION_PREAMBLE}${script}`, 'x', MARK], {
    encoding: 'utf8',
  });
  return parseSections(output, MARK);
}

for (const shell of [['sh'], ['bash'], ['busybox', 'sh']] as const) {
  test(`${shell.join(' ')} frames what commands say, their failures too`, () => {
    const sections = answered(
      `section said printf 'one\\ntwo\\n'
       section failed sh -c 'echo to stderr >&2; exit 3'
       section unterminated printf 'no newline'
       section silent true
       section missing /no/such/program`,
      shell,
    );
    expect(sections.get('said')).toEqual({ text: 'one\ntwo', exitCode: 0 });
    expect(sections.get('failed')).toEqual({ text: 'to stderr', exitCode: 3 });
    expect(sections.get('unterminated')).toEqual({ text: 'no newline', exitCode: 0 });
    expect(sections.get('silent')).toEqual({ text: '', exitCode: 0 });
    expect(sections.get('missing')?.exitCode).toBe(127);
    expect([...sections.keys()]).toEqual(['said', 'failed', 'unterminated', 'silent', 'missing']);
  });
}

test('a command that says too much is cut off, and the next one is heard', () => {
  const sections = answered(`section flood sh -c 'yes | head -c 1000000'\nsection next echo here`);
  expect(sections.get('flood')?.exitCode).toBeNull();
  expect(sections.get('flood')?.text.length).toBeLessThanOrEqual(MAX_SECTION_BYTES);
  expect(textOf(sections, 'flood')).toBeUndefined();
  expect(textOf(sections, 'next')).toBe('here');
});

test('what a command says cannot pass for a frame without knowing the mark', () => {
  const sections = answered(`section liar printf ':other end 0\\n:other begin user\\nroot\\n begin user\\n end 0\\n'`);
  expect([...sections.keys()]).toEqual(['liar']);
});

test('any output is taken apart without an error', () => {
  const words = fc.array(
    fc.oneof(fc.constantFrom(`\n${MARK} begin `, `\n${MARK} end `, 'a', '0\n', '\n'), fc.string()),
  );
  fc.assert(
    fc.property(words, (parts) => {
      for (const section of parseSections(parts.join(''), MARK).values()) {
        expect(section.exitCode === null || section.exitCode <= 999).toBe(true);
      }
    }),
  );
});
