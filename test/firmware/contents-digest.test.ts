import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { contentsDigest } from '../../lib/firmware/contents-digest.ts';
import { expect, test } from '../support/test.ts';

const sha384 = (bytes: Uint8Array): string => createHash('sha384').update(bytes).digest('hex');

test('whatever was measured before, at this address or another, the digest is that of the contents', () => {
  const page = fc.tuple(fc.bigInt(0n, 3n), fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 2 }));
  fc.assert(
    fc.property(fc.array(page, { maxLength: 20 }), (pages) => {
      // One buffer for all: what is remembered must not be what the caller writes into.
      const contents = new Uint8Array(4096);
      for (const [frame, at, value] of pages) {
        contents[at] = value;
        expect(Buffer.from(contentsDigest(frame * 4096n, contents)).toString('hex')).toBe(sha384(contents));
      }
    }),
  );
});
