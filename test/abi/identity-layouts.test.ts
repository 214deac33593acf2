import { ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE, ID_AUTH } from '../../lib/abi/id-auth.ts';
import { ID_BLOCK } from '../../lib/abi/id-block.ts';
import { fieldOf, type Layout } from '../../lib/abi/layout.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

const SIZES: readonly (readonly [string, Layout, number])[] = [
  ['ID_BLOCK', ID_BLOCK, 96],
  ['ID_AUTH', ID_AUTH, 4096],
  ['ECDSA_PUBLIC_KEY', ECDSA_PUBLIC_KEY, 1028],
  ['ECDSA_SIGNATURE', ECDSA_SIGNATURE, 512],
];

for (const [name, layout, bytes] of SIZES) {
  test(`${name} covers ${bytes} bytes without gap or overlap`, () => {
    expectSoundLayout(layout, bytes);
  });
}

// Source: AMD 56860, ID block and ID authentication information, as virtee/sev src/measurement/idblock_types.rs has them.
test('the ID block and ID auth have their fields where the firmware reads them', () => {
  expect(fieldOf(ID_BLOCK, 'policy').at).toBe(0x58);
  expect(fieldOf(ID_BLOCK, 'guestSvn').at).toBe(0x54);
  expect(fieldOf(ID_AUTH, 'idBlockSig').at).toBe(0x40);
  expect(fieldOf(ID_AUTH, 'idKey').at).toBe(0x240);
  expect(fieldOf(ID_AUTH, 'idKeySig').at).toBe(0x680);
  expect(fieldOf(ID_AUTH, 'authorKey').at).toBe(0x880);
});
