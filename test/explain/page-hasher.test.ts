import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { PageHasher } from '../../lib/explain/page-hasher.ts';
import { expect, test } from '../support/test.ts';

const PAGE_BYTES = 4096;

/** What OpenSSL says of two pages, as a walk has it. */
function expected(...pages: readonly Buffer[]): Buffer {
  return Buffer.concat(pages.map((page) => createHash('sha384').update(page).digest())).swap64();
}

/** A page of one byte value up to an offset, and zeros from there on. */
const page = fc
  .record({ value: fc.integer({ min: 1, max: 255 }), until: fc.integer({ min: 0, max: PAGE_BYTES }) })
  .map(({ value, until }) => Buffer.alloc(PAGE_BYTES).fill(value, 0, until));

test('two pages that end anywhere are hashed as OpenSSL hashes each, whatever words change, again and again', () => {
  const hasher = new PageHasher();
  fc.assert(
    fc.property(
      fc.record({
        boot: page,
        application: page,
        words: fc.array(fc.tuple(fc.nat({ max: 511 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), {
          minLength: 1,
          maxLength: 2,
        }),
      }),
      ({ boot, application, words }) => {
        const places = words.map(([place]) => 8 * place);
        const pair = hasher.pairOf({ boot, application }, [Math.min(...places), Math.max(...places)]);
        const half = Buffer.alloc(96);
        for (const rest of [0n, 1n]) {
          hasher.begin(pair);
          for (const [index, [, value]] of words.entries()) {
            const at = places[index] ?? 0;
            hasher.word(at, value ^ rest);
            for (const one of [boot, application]) one.writeBigUInt64LE(value ^ rest, at);
          }
          hasher.digests(half);
          expect(half.equals(expected(boot, application))).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('pairs that take turns do not see one another', () => {
  const hasher = new PageHasher();
  const pairs = [1, 2].map((value) => {
    const pages = {
      boot: Buffer.alloc(PAGE_BYTES).fill(value, 0, 1100),
      application: Buffer.alloc(PAGE_BYTES).fill(value),
    };
    return { pages, pair: hasher.pairOf(pages, [0x310, 0x3b0]) };
  });
  for (const { pages, pair } of [...pairs, ...pairs]) {
    const half = Buffer.alloc(96);
    hasher.begin(pair);
    hasher.digests(half);
    expect(half.equals(expected(pages.boot, pages.application))).toBe(true);
  }
});
