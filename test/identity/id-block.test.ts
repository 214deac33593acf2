import fc from 'fast-check';
import { ID_BLOCK } from '../../lib/abi/id-block.ts';
import { diffLayout } from '../../lib/abi/layout.ts';
import { buildIdBlock, type IdBlockContents, parseIdBlock } from '../../lib/identity/id-block.ts';
import { expect, test } from '../support/test.ts';

const anyContents: fc.Arbitrary<Required<IdBlockContents>> = fc.record({
  launchDigest: fc.uint8Array({ minLength: 48, maxLength: 48 }),
  policy: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  familyId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  imageId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  guestSvn: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  version: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

// Source: AMD 56860, ID block, written out by hand.
test('an ID block is digest, family, image, version 1, SVN and policy in 96 bytes', () => {
  const block = buildIdBlock({
    launchDigest: new Uint8Array(48).fill(0xd1),
    policy: 0x3001fn,
    familyId: new Uint8Array(16).fill(0xfa),
    imageId: new Uint8Array(16).fill(0x1a),
    guestSvn: 0x01020304,
  });
  const expected = ['d1'.repeat(48), 'fa'.repeat(16), '1a'.repeat(16), '01000000', '04030201', '1f00030000000000'];
  expect(Buffer.from(block).toString('hex')).toBe(expected.join(''));
});

test('family, image and SVN are zero where not given', () => {
  const block = parseIdBlock(buildIdBlock({ launchDigest: new Uint8Array(48), policy: 0x30000n }));
  expect(block).toMatchObject({ familyId: new Uint8Array(16), imageId: new Uint8Array(16), guestSvn: 0, version: 1 });
});

test('what is put into an ID block is read out of it', () => {
  fc.assert(
    fc.property(anyContents, (contents) => {
      expect(parseIdBlock(buildIdBlock(contents))).toEqual(contents);
    }),
  );
});

test('one flipped bit of an ID block is reported at exactly its field', () => {
  const left = new Uint8Array(96);
  fc.assert(
    fc.property(fc.nat(95), fc.nat(7), (at, bit) => {
      const right = left.slice();
      right[at] = 1 << bit;
      const owner = ID_BLOCK.find((field) => at >= field.at && at < field.at + field.bytes);
      expect(diffLayout(ID_BLOCK, left, right, 'ID block').map(({ name }) => name)).toEqual([owner?.name]);
    }),
  );
});

test('values that do not fit are refused, both lengths named', () => {
  const launchDigest = new Uint8Array(48);
  const misfits: readonly (readonly [IdBlockContents, string])[] = [
    [{ launchDigest: new Uint8Array(47), policy: 0n }, 'launchDigest: expected 48 bytes, got 47'],
    [{ launchDigest, policy: 1n << 64n }, 'policy: 18446744073709551616 does not fit 8 bytes'],
    [{ launchDigest, policy: 0n, guestSvn: -1 }, 'guestSvn: -1 does not fit 4 bytes'],
    [{ launchDigest, policy: 0n, familyId: new Uint8Array(17) }, 'familyId: expected 16 bytes, got 17'],
  ];
  for (const [contents, what] of misfits) {
    expect(() => buildIdBlock(contents)).toThrow(`LAYOUT_VALUE: ID block.${what}`);
  }
});

test('an ID block of any other length is refused with a code', () => {
  for (let bytes = 0; bytes <= 97; bytes += 1) {
    if (bytes === 96) continue;
    expect(() => parseIdBlock(new Uint8Array(bytes))).toThrow(
      `LAYOUT_LENGTH: ID block: expected 96 bytes, got ${bytes}`,
    );
  }
});
