import fc from 'fast-check';
import { ARGV_BYTES_MAX, readArgv } from '../../lib/qemu/argv-file.ts';
import { launchFindings } from '../../lib/qemu/launch-findings.ts';
import { parseLaunch } from '../../lib/qemu/launch-options.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const read = (text: string): unknown => {
  const { form, binary, words } = readArgv(bytes(text));
  return { form, binary, words: words.map((word) => word.text) };
};

test('reads NUL-separated words, empty ones too', () => {
  expect(read('/usr/bin/qemu-system-x86_64\0-append\0\0-smp\x004\0')).toEqual({
    form: 'nul',
    binary: '/usr/bin/qemu-system-x86_64',
    words: ['-append', '', '-smp', '4'],
  });
});

test('reads a JSON array, with a program or without', () => {
  expect(read('["qemu-kvm","-append","a  b"]')).toEqual({
    form: 'json',
    binary: 'qemu-kvm',
    words: ['-append', 'a  b'],
  });
  expect(read(' ["-smp","4"]')).toEqual({ form: 'json', binary: null, words: ['-smp', '4'] });
});

test('reads one shell command behind assignments and wrappers', () => {
  const words = ['-smp', '4'];
  expect(read('LC_ALL=C PATH=/bin /usr/bin/qemu-system-x86_64 -smp 4')).toMatchObject({ words });
  expect(read('sudo -E taskset -c 1 qemu-system-x86_64 \\\n -smp 4 | tee log')).toMatchObject({ words });
  expect(read('cd /vm\nexec kvm -smp 4 > log &')).toMatchObject({ binary: 'kvm', words });
  expect(read('Q=/usr/bin/qemu-kvm\nN=4\nexec $Q -smp "$N"')).toMatchObject({ binary: '/usr/bin/qemu-kvm', words });
  expect(read('set -e\n$MY_VMM -smp 4')).toMatchObject({ binary: '$MY_VMM', words });
  expect(read('A=1 ./my-vmm -smp 4')).toMatchObject({ binary: './my-vmm', words });
  expect(read('-smp 4')).toMatchObject({ binary: null, words });
});

for (const text of [
  '',
  '[1]',
  '[',
  '[{}',
  '[]',
  '{"a":1}',
  '\0\0\0',
  'a\x01\0b',
  'qemu-kvm -S; qemu-kvm -S',
  '["a\\u0000"]',
]) {
  test(`refuses ${JSON.stringify(text)}`, () => {
    expect(errorCodeOf(() => readArgv(bytes(text)))).toBe('ARGV_INVALID');
  });
}

test('refuses more than Linux would pass on', () => {
  expect(errorCodeOf(() => readArgv(new Uint8Array(ARGV_BYTES_MAX + 1)))).toBe('ARGV_INVALID');
});

const option = fc.constantFrom(
  ...[
    '-smp',
    '-machine',
    '-M',
    '-object',
    '-cpu',
    '-bios',
    '-kernel',
    '-append',
    '-drive',
    '-device',
    '-m',
    '-global',
    '-x',
  ],
);
const value = fc.oneof(
  fc.string(),
  fc.constantFrom('sev-snp-guest,id=a,policy=', '{"qom-type":"sev-snp-guest","id":[1]', 'q35,a=b,,c', '4,sockets=0'),
  fc.json(),
);

test('any bytes and any options give findings or an error of the family', () => {
  const facts = { given: { firmware: false, vcpuSignature: false } };
  const work = (file: Uint8Array) => () => launchFindings({ launch: parseLaunch(readArgv(file)), ...facts });
  const options = fc
    .array(fc.tuple(option, value), { minLength: 1, maxLength: 12 })
    .map((pairs) => bytes(JSON.stringify(['qemu-kvm', ...pairs.flat().map((word) => word.replaceAll('\0', ''))])));
  const shell = fc.string({ unit: fc.constantFrom(...'ab -=,\'"\\$`{}[]()<>|&;#~*\n\t'), maxLength: 200 }).map(bytes);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), shell, options), (file) => {
      errorCodeOf(work(file));
    }),
    { numRuns: 2000 },
  );
});

test('takes its time in proportion to the input', () => {
  const hostile = [
    `qemu-kvm -object ${',,'.repeat(500_000)}`,
    `qemu-kvm -machine '${'a='.repeat(400_000)}'`,
    `qemu-kvm -object '{"a":${'['.repeat(500_000)}'`,
    `qemu-kvm ${'"$"'.repeat(300_000)}`,
    `qemu-kvm ${'$('.repeat(1)}`.padEnd(1_000_000, '\\'),
    `qemu-kvm -device '{${'"driver"'.repeat(100_000)}'`,
  ];
  const started = performance.now();
  for (const text of hostile) errorCodeOf(() => parseLaunch(readArgv(bytes(text))));
  expect(performance.now() - started).toBeLessThan(5_000);
});

test('a program that gives QEMU words of its own is refused', () => {
  const read = (text: string) => () => readArgv(Buffer.from(text));
  expect(read('echo -smp 4 | xargs qemu-system-x86_64 -bios a.fd')).toThrow(/xargs gives QEMU words that are not here/);
  expect(read('sudo env A=1 qemu-system-x86_64 -bios a.fd')).not.toThrow();
});
