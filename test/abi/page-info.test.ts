import { PAGE_INFO, PAGE_TYPE, pageTypeName } from '../../lib/abi/page-info.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

test('PAGE_INFO covers 112 bytes without gap or overlap', () => {
  expectSoundLayout(PAGE_INFO, 0x70);
});

test('a page type is called by its name, an unknown one by its number', () => {
  expect(pageTypeName(PAGE_TYPE.VMSA)).toBe('VMSA');
  expect(pageTypeName(PAGE_TYPE.UNMEASURED)).toBe('UNMEASURED');
  expect(pageTypeName(9)).toBe('type 9');
});
