import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { HarnessError } from '../../lib/errors.ts';
import { parseElf } from '../../lib/guest/elf.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { madeElf, madeModule } from './made-elf.ts';

test('a section is found by its name, and has the bytes that are in the file', () => {
  const file = madeElf({ sections: { '.text': Uint8Array.of(1, 2), '.modinfo': Uint8Array.of(3) } });
  const elf = parseElf(file, 'made');
  expect(elf.kind).toBe('object');
  expect(elf.section('.modinfo')).toEqual(Uint8Array.of(3));
  expect(elf.section('.text')).toEqual(Uint8Array.of(1, 2));
  expect(elf.section('.mod')).toBeUndefined();
  expect(elf.section('modinfo')).toBeUndefined();
});

test('a program says if it needs a dynamic linker', () => {
  expect(parseElf(madeElf({ type: 3, segments: [1, 3, 1] }), 'made')).toMatchObject({
    kind: 'program',
    needsInterpreter: true,
  });
  expect(parseElf(madeElf({ type: 2, segments: [1, 2, 4] }), 'made').needsInterpreter).toBe(false);
  const busybox = new Uint8Array(readFileSync(join(ARTIFACTS_FOLDER, 'busybox-static', 'busybox')));
  expect(parseElf(busybox, 'busybox')).toMatchObject({ kind: 'program', needsInterpreter: false });
  expect(parseElf(new Uint8Array(readFileSync(process.execPath)), 'node').needsInterpreter).toBe(true);
});

test('a file for another machine or class is refused', () => {
  expect(() => parseElf(madeElf({ machine: 183 }), 'made')).toThrow(/INITRD_INVALID: an ELF file for machine 183/);
  const narrow = madeElf({});
  narrow[4] = 1;
  expect(() => parseElf(narrow, 'made')).toThrow('not a 64-bit ELF file');
});

test('a file that is cut off or changed anywhere is read, or refused as such', () => {
  const whole = madeModule('tsm', ['configfs']);
  const read = (file: Uint8Array): void => {
    try {
      parseElf(file, 'made').section('.modinfo');
    } catch (thrown) {
      if (!(thrown instanceof HarnessError) || thrown.code !== 'INITRD_INVALID') throw thrown;
    }
  };
  for (let length = 0; length < whole.length; length += 1) read(whole.subarray(0, length));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      read(whole.map((old, index) => (index === at ? byte : old)));
    }),
    { numRuns: 1000 },
  );
});
