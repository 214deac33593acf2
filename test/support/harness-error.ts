import { type ErrorCode, HarnessError } from '../../lib/errors.ts';

/** The error of the family that the work throws; anything else that it throws or returns fails the test. */
export function harnessErrorOf(work: () => unknown): HarnessError {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof HarnessError) return thrown;
    throw thrown;
  }
  throw new Error('expected a HarnessError, nothing was thrown');
}

/** The code of the error that the work throws; null where it throws none. Errors outside the family pass through. */
export function errorCodeOf(work: () => unknown): ErrorCode | null {
  try {
    work();
    return null;
  } catch (thrown) {
    if (thrown instanceof HarnessError) return thrown.code;
    throw thrown;
  }
}
