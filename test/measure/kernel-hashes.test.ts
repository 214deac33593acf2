import {
  cmdlineCut,
  cmdlineHashOf,
  kernelHashesFrom,
  kernelHashesOf,
  kernelHashesSection,
} from '../../lib/measure/kernel-hashes.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// Source: sha256sum of no bytes, of one NUL, of `abc` (FIPS 180-4), and of `console=ttyS0` with a NUL.
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ONE_NUL = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';
const CONSOLE = 'f18aae9b3c09e55bc3047ad361e2442d7c53372470b2958fb83293209a784f71';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

test('a command line is hashed with one NUL after it, and none is an empty one', () => {
  expect(hexOf(cmdlineHashOf(null))).toBe(ONE_NUL);
  expect(hexOf(cmdlineHashOf(''))).toBe(ONE_NUL);
  expect(hexOf(cmdlineHashOf('console=ttyS0'))).toBe(CONSOLE);
});

test('an absent initrd is hashed as no bytes at all', () => {
  const hashes = kernelHashesOf({ kernel: Buffer.from('abc'), initrd: null, append: null });
  expect(hexOf(hashes.kernel)).toBe(ABC);
  expect(hexOf(hashes.initrd)).toBe(NOTHING);
  const given = { kernelSha256: hashes.kernel, initrdSha256: Buffer.from(ABC, 'hex'), append: '' };
  expect(hexOf(kernelHashesFrom(given).initrd)).toBe(ABC);
});

for (const [claim, append] of [
  ['a NUL', 'quiet\0splash'],
  ['a NUL at its start', '\0'],
  ['a lone surrogate', 'quiet \ud800'],
  ['a replacement character', 'quiet \ufffd'],
  ['more bytes than an argument can have', '\u00e9'.repeat(65_536)],
] as const) {
  test(`a command line with ${claim} is refused`, () => {
    expect(harnessErrorOf(() => cmdlineHashOf(append)).code).toBe('APPEND_INVALID');
  });
}

test('a command line is told to be cut off from the byte on that Linux has no room for', () => {
  expect(cmdlineCut(`${'a'.repeat(2045)}\u00e9`)).toBeNull();
  expect(cmdlineCut(`${'a'.repeat(2046)}\u00e9`)).toMatch(
    /has 2048 bytes: all are measured, and Linux on x86 takes the first 2047/,
  );
});

test('the table stands at its offset in a page of zeros, also when the section has two', () => {
  const hashes = kernelHashesOf({ kernel: Buffer.from('abc'), initrd: null, append: null });
  const page = kernelHashesSection(hashes, 0x810c00, 4096);
  expect(page).toHaveLength(4096);
  expect(hexOf(page.subarray(0xc00, 0xc10))).toBe('06d63894224fc94cb479a793d411fd21');
  expect(page.subarray(0, 0xc00).every((byte) => byte === 0)).toBe(true);
  expect(page.subarray(0xc00 + 168).every((byte) => byte === 0)).toBe(true);
  expect(kernelHashesSection(hashes, 0x810fff, 8192)[0xfff]).toBe(0x06);
});

test('a table that does not fit its section is refused', () => {
  const hashes = kernelHashesOf({ kernel: Buffer.from('abc'), initrd: null, append: null });
  expect(kernelHashesSection(hashes, 0x810000 + 4096 - 176, 4096)).toHaveLength(4096);
  const error = harnessErrorOf(() => kernelHashesSection(hashes, 0x810000 + 4096 - 175, 4096));
  expect(error.code).toBe('OVMF_NO_HASHES_TABLE');
});
