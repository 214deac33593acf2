/** What a build did. unknown: it could not be judged, for the lab failed or the build does not start. */
export type BuildResult = 'good' | 'bad' | 'unknown';

/** What is known of builds in order: of one that is good, and of a later one that is bad. */
export interface Bisection {
  readonly builds: readonly string[];
  readonly results: ReadonlyMap<number, BuildResult>;
}

/** The first bad build, or what is left where builds that cannot be judged stand between. */
export interface BisectionEnd {
  lastGood: number;
  firstBad: number;
  /** Builds between the two that could not be judged; the first bad one may be among them. */
  unknown: number[];
}

/** The nearest known good build before, and bad build after, what is not known. */
function bounds({ builds, results }: Bisection): { good: number; bad: number } {
  const places = builds.map((_, place) => place);
  const bad = places.find((place) => results.get(place) === 'bad') ?? builds.length;
  const good = places.filter((place) => place < bad && results.get(place) === 'good').at(-1) ?? -1;
  return { good, bad };
}

/**
 * The build to launch next: that in the middle, or where it cannot be judged the one nearest to the middle that was not tried.
 * @returns undefined where nothing is left to try
 */
export function nextBuild(bisection: Bisection): number | undefined {
  const { good, bad } = bounds(bisection);
  const open = bisection.builds.map((_, place) => place).filter((place) => place > good && place < bad);
  const untried = open.filter((place) => !bisection.results.has(place));
  const middle = (good + bad) / 2;
  return untried.sort((left, right) => Math.abs(left - middle) - Math.abs(right - middle) || left - right)[0];
}

/** What came out once nothing is left to try. */
export function bisectionEnd(bisection: Bisection): BisectionEnd {
  const { good, bad } = bounds(bisection);
  const unknown = bisection.builds.map((_, place) => place).filter((place) => place > good && place < bad);
  return { lastGood: good, firstBad: bad, unknown };
}

/** The most launches that so many builds between a good and a bad one take. */
export function mostLaunches(between: number): number {
  return between === 0 ? 0 : Math.floor(Math.log2(between)) + 1;
}
