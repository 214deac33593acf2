import { CPUID_FUNCTION, CPUID_PAGE_HEADER } from '../../lib/abi/cpuid-page.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { test } from '../support/test.ts';

test('the head and the entries of a CPUID page cover 16 and 48 bytes without gap or overlap', () => {
  expectSoundLayout(CPUID_PAGE_HEADER, 16);
  expectSoundLayout(CPUID_FUNCTION, 48);
});
