import fc from 'fast-check';
import { type BuildResult, bisectionEnd, mostLaunches, nextBuild } from '../../lib/compare/bisect.ts';
import { expect, test } from '../support/test.ts';

/** Bisects builds of which those from `firstBad` on are bad, the first good and the last bad known. */
function bisect(count: number, firstBad: number, unknown: ReadonlySet<number> = new Set()) {
  const builds = Array.from({ length: count }, (_, place) => `b${place}`);
  const results = new Map<number, BuildResult>([
    [0, 'good'],
    [count - 1, 'bad'],
  ]);
  let launches = 0;
  for (let next = nextBuild({ builds, results }); next !== undefined; next = nextBuild({ builds, results })) {
    launches++;
    results.set(next, unknown.has(next) ? 'unknown' : next >= firstBad ? 'bad' : 'good');
  }
  return { launches, end: bisectionEnd({ builds, results }) };
}

test('the first bad build is found with no more launches than the logarithm says', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), (count, seed) => {
      const firstBad = 1 + (seed % (count - 1));
      const { launches, end } = bisect(count, firstBad);
      expect(end).toEqual({ lastGood: firstBad - 1, firstBad, unknown: [] });
      expect(launches).toBeLessThanOrEqual(mostLaunches(count - 2));
    }),
  );
});

test('neighbours need no launch at all', () => {
  expect(bisect(2, 1)).toEqual({ launches: 0, end: { lastGood: 0, firstBad: 1, unknown: [] } });
});

test('builds that cannot be judged are gone around, and named where they hide the answer', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 60 }),
      fc.nat(),
      fc.uniqueArray(fc.nat(), { maxLength: 8 }),
      (count, seed, odd) => {
        const firstBad = 1 + (seed % (count - 1));
        const unknown = new Set(odd.map((place) => 1 + (place % (count - 2))));
        const { end } = bisect(count, firstBad, unknown);
        expect(end.lastGood).toBeLessThan(firstBad);
        expect(end.firstBad).toBeGreaterThanOrEqual(firstBad);
        // Between the two stands nothing that could have been judged.
        expect(end.unknown.every((place) => unknown.has(place))).toBe(true);
        expect(end.unknown).toHaveLength(end.firstBad - end.lastGood - 1);
      },
    ),
  );
});
