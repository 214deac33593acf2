import { inputPhrase, quotedText } from '../../lib/explain/change.ts';
import { expect, test } from '../support/test.ts';

test('text from outside is quoted, its control and direction characters escaped, and cut at 600 characters', () => {
  expect(quotedText('a\n"b"\u001b')).toBe('"a\\n\\"b\\"\\u001b"');
  expect(quotedText('\u007f\u202e\u2066\u009f')).toBe('"\\u007f\\u202e\\u2066\\u009f"');
  expect(quotedText('x'.repeat(598))).toBe(`"${'x'.repeat(598)}"`);
  const cut = quotedText('x'.repeat(599));
  expect(cut).toBe(`"${'x'.repeat(596)}..."`);
});

test('every value of an input has a name in a sentence, none as well', () => {
  expect([
    inputPhrase('guestFeatures', '0x21'),
    inputPhrase('vcpus', '0'),
    inputPhrase('vcpus', '1'),
    inputPhrase('vcpus', '2'),
    inputPhrase('vcpuType', null),
    inputPhrase('vcpuSig', null),
    inputPhrase('cmdline', null),
    inputPhrase('cmdline', 'a'),
    inputPhrase('initrd', null),
    inputPhrase('kernel', '/boot/a\tb'),
  ]).toEqual([
    'guest features 0x21 (SNPActive+DebugSwap)',
    ...['no VMSA at all', '1 vCPU', '2 vCPUs', 'no vCPU type', 'no vCPU signature'],
    ...['no kernel command line', 'the kernel command line "a"', 'no initrd', 'the kernel /boot/a\\tb'],
  ]);
});
