import fc from 'fast-check';
import { guidBytes, guidText } from '../../lib/abi/guid.ts';
import { expect, test } from '../support/test.ts';

// Source: edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm, the bytes of the footer GUID.
test('a GUID is stored with its first three groups little-endian', () => {
  const stored = Buffer.from('de82b596b21ff745baeaa366c55a082d', 'hex');
  expect(Buffer.from(guidBytes('96b582de-1fb2-45f7-baea-a366c55a082d'))).toEqual(stored);
  expect(guidText(stored)).toBe('96b582de-1fb2-45f7-baea-a366c55a082d');
});

test('any 16 bytes survive the way to text and back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      expect(guidBytes(guidText(bytes))).toEqual(bytes);
    }),
  );
});

test('text that is no GUID and bytes that are not 16 are refused', () => {
  expect(() => guidBytes('96b582de1fb245f7baeaa366c55a082d')).toThrow(/^HEX_INVALID: /);
  expect(() => guidText(new Uint8Array(15))).toThrow('LAYOUT_LENGTH: GUID: expected 16 bytes, got 15');
});
