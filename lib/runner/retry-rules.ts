import { ERROR_CODES, type ErrorCode } from '../errors.ts';

/** What follows from a failure of the lab. */
export interface RetryRule {
  /** Attempts on the same host, this one included; `limits`: as many as the host's limits say. */
  onSameHost: number | 'limits';
  /** May another host of the same kind try? */
  elsewhere: 'yes' | 'no';
  /** Does it count against the host? What may be the guest's own fault, or that of another user, does not. */
  blames: 'host' | 'nobody';
}

const DEFAULT_RULE: RetryRule = { onSameHost: 'limits', elsewhere: 'yes', blames: 'host' };

/** Where a failure is not like most. */
const RULES: Partial<Record<ErrorCode, RetryRule>> = {
  // The wait for a slot was long enough, and its host works.
  HOST_BUSY: { onSameHost: 1, elsewhere: 'yes', blames: 'nobody' },
  // A guest that never speaks may be the guest that is tested: once more shows whether it was chance.
  GUEST_SILENT: { onSameHost: 2, elsewhere: 'no', blames: 'nobody' },
  GUEST_PROTOCOL: { onSameHost: 2, elsewhere: 'no', blames: 'nobody' },
  HOST_SET_ASIDE: { onSameHost: 1, elsewhere: 'yes', blames: 'nobody' },
  // No second look changes these.
  HOST_QEMU: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_DISK: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_DIRECTORY: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_PROGRAMS: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_SNP: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_DEVICE: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  HOST_FIRMWARE: { onSameHost: 1, elsewhere: 'yes', blames: 'host' },
  // Its client has tried again already, and no host is to blame.
  KDS_UNREACHABLE: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
  KDS_THROTTLED: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
  KDS_ANSWER: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
  KDS_CACHE: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
  NATIVE_BUILD: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
  INTERNAL: { onSameHost: 1, elsewhere: 'no', blames: 'nobody' },
};

/** What to do about a failure; undefined for what is none of the lab: it is never tried again. */
export function retryRule(code: ErrorCode): RetryRule | undefined {
  return ERROR_CODES[code].kind === 'infrastructure' ? (RULES[code] ?? DEFAULT_RULE) : undefined;
}
