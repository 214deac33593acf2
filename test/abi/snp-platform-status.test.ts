import { SNP_PLATFORM_STATUS } from '../../lib/abi/snp-platform-status.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { test } from '../support/test.ts';

test('SNP_PLATFORM_STATUS covers 32 bytes without gap or overlap', () => {
  expectSoundLayout(SNP_PLATFORM_STATUS, 32);
});
