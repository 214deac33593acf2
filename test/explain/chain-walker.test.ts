import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { ChainWalker, HALF_AT, HALF_BYTES, setHalfGpa } from '../../lib/explain/chain-walker.ts';
import { expect, test } from '../support/test.ts';

/** A launch digest after some VMSAs, with SHA-384 of the platform over PAGE_INFO put together byte by byte. */
function chained(trunk: Uint8Array, pages: readonly Uint8Array[], gpa: bigint): Uint8Array {
  return pages.reduce((digest, contents) => {
    const tail = Buffer.alloc(16);
    tail.writeUInt16LE(0x70, 0);
    tail.writeUInt8(2, 2);
    tail.writeBigUInt64LE(gpa, 8);
    return createHash('sha384').update(digest).update(contents).update(tail).digest();
  }, trunk);
}

/** A second half of CONTENTS of both pages. */
function halfOf(boot: Uint8Array, application: Uint8Array, gpa: bigint): Buffer {
  const half = Buffer.alloc(HALF_BYTES);
  half.set(boot, HALF_AT.boot);
  half.set(application, HALF_AT.application);
  half.swap64();
  setHalfGpa(half, gpa);
  return half;
}

const digest = fc.uint8Array({ minLength: 48, maxLength: 48 });

test('a walk finds the count of vCPUs whose digest it is, and no other', () => {
  fc.assert(
    fc.property(
      fc.record({
        trunk: digest,
        boot: digest,
        application: digest,
        gpa: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        count: fc.integer({ min: 1, max: 40 }),
      }),
      ({ trunk, boot, application, gpa, count }) => {
        const walker = new ChainWalker();
        walker.aim(chained(trunk, [boot, ...Array<Uint8Array>(count - 1).fill(application)], gpa));
        walker.begin(trunk);
        const half = halfOf(boot, application, gpa);
        expect(walker.countOf(half, 512)).toBe(count);
        expect(walker.countOf(half, count)).toBe(count);
        expect(walker.matchesAt(half, count)).toBe(true);
        expect(walker.matchesAt(half, count + 1)).toBe(false);
        if (count > 1) expect(walker.countOf(half, count - 1)).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

test('one bit of the wanted digest decides', () => {
  const [trunk, boot] = [randomBytes(48), randomBytes(48)];
  const wanted = Buffer.from(chained(trunk, [boot], 0xffff_ffff_f000n));
  const half = halfOf(boot, new Uint8Array(48), 0xffff_ffff_f000n);
  for (let bit = 0; bit < 384; bit += 1) {
    const flipped = Buffer.from(wanted);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const walker = new ChainWalker();
    walker.aim(flipped);
    walker.begin(trunk);
    expect(walker.matchesAt(half, 1)).toBe(false);
  }
});
