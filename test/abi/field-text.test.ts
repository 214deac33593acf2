import { diffFieldTexts, fieldTexts } from '../../lib/abi/field-text.ts';
import { VMSA } from '../../lib/abi/vmsa.ts';
import { expect, test } from '../support/test.ts';

test('the fields that are not zero are written, integers as numbers, bytes and reserved bytes in their order', () => {
  const page = new Uint8Array(4096);
  page.set([0x12, 0x0f, 0x80], 0x310); // rdx
  page.set([1, 2], 0x420); // fpregX87
  page[0xfff] = 0xee; // reserved670
  expect(Object.keys(fieldTexts(VMSA, page))).toEqual(['rdx', 'fpregX87', 'reserved670']);
  expect(fieldTexts(VMSA, page)).toEqual({
    rdx: '0x800f12',
    fpregX87: `0102${'00'.repeat(78)}`,
    reserved670: `${'00'.repeat(2447)}ee`,
  });
});

test('fields that differ stand in the order of the layout, zero where one lacks them', () => {
  const left = { sevFeatures: '0x21', rdx: '0x1', cr0: '0x10', later: '0x5' };
  const right = { cr0: '0x10', mxcsr: '0x1f80', rdx: '0x2' };
  expect(diffFieldTexts(VMSA, left, right)).toEqual([
    { name: 'rdx', left: '0x1', right: '0x2' },
    { name: 'sevFeatures', left: '0x21', right: '0x0' },
    { name: 'mxcsr', left: '0x0', right: '0x1f80' },
    { name: 'later', left: '0x5', right: '0x0' },
  ]);
});
