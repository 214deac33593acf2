import fc from 'fast-check';
import { SPL_EXTENSIONS } from '../../lib/abi/certificate-extensions.ts';
import { joinTcb, splitTcb, TCB_LAYOUTS, type TcbLayoutName, tcbReserved } from '../../lib/abi/tcb.ts';
import { expectSoundLayout } from '../support/layout.ts';
import { expect, test } from '../support/test.ts';

const LAYOUTS = Object.keys(TCB_LAYOUTS) as TcbLayoutName[];

for (const layout of LAYOUTS) {
  test(`TCB_VERSION of ${layout} covers 8 bytes without gap or overlap`, () => {
    expectSoundLayout(TCB_LAYOUTS[layout], 8);
  });

  test(`the extensions of a ${layout} certificate state each byte of TCB_VERSION once`, () => {
    expect(SPL_EXTENSIONS[layout].map(({ at }) => at).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(SPL_EXTENSIONS[layout].map(({ oid }) => oid)).size).toBe(8);
  });

  test(`components and reserved bytes of ${layout} together are the whole`, () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (tcb) => {
        expect(joinTcb(splitTcb(tcb, layout), layout) | tcbReserved(tcb, layout)).toBe(tcb);
      }),
    );
  });
}

// The bytes of REPORTED_TCB in real reports, as other programs read them.
test('a Milan TCB has boot loader, TEE, SNP and microcode in bytes 0, 1, 6 and 7', () => {
  expect(splitTcb(0xdb18_0000_0000_0004n, 'family19')).toEqual({ bootLoader: 4, tee: 0, snp: 24, microcode: 219 });
});

test('a Turin TCB begins with the FMC, which Milan does not have', () => {
  expect(splitTcb(0x6100_0000_0502_0301n, 'family1a')).toEqual({
    fmc: 1,
    bootLoader: 3,
    tee: 2,
    snp: 5,
    microcode: 97,
  });
});

test('a component that is absent is written as 0', () => {
  expect(joinTcb({ microcode: 1 }, 'family19')).toBe(0x0100_0000_0000_0000n);
});
