/** One claim about evidence. Its texts are bounded and free of control characters other than newlines. */
export interface Check {
  name: string;
  /** not-applicable: the evidence cannot say, for the reason in `detail`; it never counts as passed. */
  status: 'pass' | 'fail' | 'not-applicable';
  /** Digests and other bytes as lower-case hex, numbers as 0x hex; null where there is no one value. */
  expected: string | null;
  observed: string | null;
  /** The first line is a headline; more may follow. */
  detail: string;
}

/** What a check finds, without its name. */
export type Finding = Omit<Check, 'name'>;

/** A finding that two values are one, or are not. @param words what to say in either case */
export function compared(expected: string, observed: string, words: { holds: string; broken: string }): Finding {
  return expected === observed
    ? { status: 'pass', expected, observed, detail: words.holds }
    : { status: 'fail', expected, observed, detail: words.broken };
}

/** A finding that something holds. */
export function passed(detail: string, expected: string | null = null, observed: string | null = null): Finding {
  return { status: 'pass', expected, observed, detail };
}

/** A finding that nothing can be said, and why. */
export function notApplicable(detail: string, expected: string | null = null, observed: string | null = null): Finding {
  return { status: 'not-applicable', expected, observed, detail };
}

/** A finding that something is wrong. */
export function failed(detail: string, expected: string | null = null, observed: string | null = null): Finding {
  return { status: 'fail', expected, observed, detail };
}
