import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { type ArchiveEntry, writeNewc } from '../../lib/guest/newc.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const ENTRIES: readonly ArchiveEntry[] = [
  { kind: 'folder', path: 'bin' },
  { kind: 'file', path: 'bin/tool', executable: true, content: Buffer.from('#!/bin/sh\n') },
  { kind: 'link', path: 'bin/sh', target: 'tool' },
  { kind: 'folder', path: 'dev' },
  { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'file', path: 'odd', executable: false, content: Buffer.from('abcde') },
  { kind: 'file', path: 'empty', executable: false, content: new Uint8Array() },
];

/** The archive as another program lists it. */
function listed(archive: Uint8Array): string[] {
  const options = { input: archive, encoding: 'utf8', env: { ...process.env, TZ: 'UTC' }, stdio: 'pipe' } as const;
  const text = execFileSync('busybox', ['cpio', '-tv'], options);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));
}

test('another cpio lists what was put in: modes, owners, sizes, times, links and devices', () => {
  expect(listed(writeNewc(ENTRIES))).toEqual([
    'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 bin',
    'lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 bin/sh -> tool',
    '-rwxr-xr-x 0/0 10 1970-01-01 00:00:00 bin/tool',
    'drwxr-xr-x 0/0 0 1970-01-01 00:00:00 dev',
    'crw------- 0/0 0 1970-01-01 00:00:00 dev/console',
    '-rw-r--r-- 0/0 0 1970-01-01 00:00:00 empty',
    '-rw-r--r-- 0/0 5 1970-01-01 00:00:00 odd',
  ]);
});

test('one file is the archive that its specification describes', () => {
  const archive = Buffer.from(
    writeNewc([{ kind: 'file', path: 'ab', executable: false, content: Buffer.from('xyz') }]),
  );
  const zero = '00000000';
  const header = ['070701', '00000001', '000081a4', zero, zero, '00000001', zero, '00000003', zero, zero, zero, zero];
  // 110 bytes of header and 3 of the name: padded to 116; 3 bytes of content: padded to 4.
  expect(archive.subarray(0, 120).toString('latin1')).toBe(`${header.join('')}00000003${zero}ab\0\0\0\0xyz\0`);
  expect(archive.length).toBe(512);
  expect(archive.subarray(120).toString('latin1')).toMatch(/^0707010{8}0{8}.*TRAILER!!!\0+$/s);
});

test('what comes out of another cpio is what was put in', () => {
  const folder = inFolder();
  execFileSync('busybox', ['cpio', '-idm', 'bin/tool', 'odd'], {
    input: writeNewc(ENTRIES),
    cwd: folder,
    stdio: 'pipe',
  });
  expect(execFileSync('cat', ['bin/tool', 'odd'], { cwd: folder, encoding: 'utf8' })).toBe('#!/bin/sh\nabcde');
});

test('the order of the entries makes no difference', () => {
  const expected = Buffer.from(writeNewc(ENTRIES));
  fc.assert(
    fc.property(fc.shuffledSubarray([...ENTRIES], { minLength: ENTRIES.length }), (entries) => {
      expect(expected.equals(writeNewc(entries))).toBe(true);
    }),
  );
});

for (const path of [
  '',
  '/bin',
  'bin/',
  'bin//x',
  '.',
  '..',
  'bin/../x',
  'bin/.',
  'a b',
  'a\0',
  'a\n',
  'ä',
  'x'.repeat(5000),
]) {
  test(`refuses ${JSON.stringify(path.slice(0, 20))} as a path`, () => {
    const entries: ArchiveEntry[] = [
      { kind: 'folder', path: 'bin' },
      { kind: 'folder', path },
    ];
    expect(() => writeNewc(entries)).toThrow('INITRD_INVALID');
  });
}

test('names that only look like . and .. are names', () => {
  const names = ['...', '.x', '..x', 'x.', 'x..'];
  expect(listed(writeNewc(names.map((path) => ({ kind: 'folder', path })))).length).toBe(names.length);
});

test('refuses the same path twice, and a path in a folder that is not there', () => {
  const folder: ArchiveEntry = { kind: 'folder', path: 'bin' };
  expect(() => writeNewc([folder, folder])).toThrow('two entries have the path bin');
  expect(() => writeNewc([{ kind: 'link', path: 'bin/sh', target: 'busybox' }])).toThrow('in no folder');
});
