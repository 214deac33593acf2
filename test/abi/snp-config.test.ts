import { SNP_CONFIG } from '../../lib/abi/snp-config.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { test } from '../support/test.ts';

test('SNP_CONFIG covers 64 bytes without gap or overlap', () => {
  expectSoundLayout(SNP_CONFIG, 64);
});
