import { HarnessError } from '../errors.ts';
import { quoted } from '../text.ts';

/** What a request to the service may take. */
export interface KdsLimits {
  /** For one answer, from connecting to its last byte. */
  timeoutMs: number;
  /** More than this is no answer of the service. */
  bodyBytesMax: number;
  /** How often one thing is asked for, the first time included. */
  attempts: number;
  /** The first pause between attempts; each is twice the one before. */
  pauseMs: number;
  /** A longer pause than this is not waited for, whatever the service asks. */
  pauseMsMax: number;
}

/** Chains have less than 5 KiB. The service throttles a client for minutes; a minute's patience often suffices. */
export const KDS_LIMITS: KdsLimits = {
  timeoutMs: 20_000,
  bodyBytesMax: 1024 * 1024,
  attempts: 5,
  pauseMs: 2_000,
  pauseMsMax: 60_000,
};

/** What an attempt depends on beside the network. */
export interface KdsEdge {
  now: () => Date;
  sleep: (ms: number) => Promise<void>;
  /** Tells people that something is waited for or passed over. */
  note: (text: string) => void;
  /** How requests are made; absent: over the network. */
  fetch?: ((url: string, init: { signal: AbortSignal }) => Promise<Response>) | undefined;
}

/** One answer: its bytes; that there is no such thing; or why there is none now, and when to ask again. */
type Attempt =
  | { state: 'bytes'; bytes: Uint8Array }
  | { state: 'absent' }
  | {
      state: 'later';
      code: 'KDS_UNREACHABLE' | 'KDS_THROTTLED';
      why: string;
      pauseMs: number | undefined;
      cause?: unknown;
    };

/** Retry-After: seconds, or a date. @returns undefined where there is none that can be read. Source: RFC 9110, 10.2.3 */
export function retryAfterMs(header: string | null, now: Date): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * 1000;
  // Date.parse takes much for a date; those of HTTP begin with a day of the week.
  const at = /^\s*[A-Z][a-z]{2,8},? /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}

/** Reads a body no further than its bound. */
async function boundedBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw new HarnessError({ code: 'KDS_ANSWER', what: `the answer is larger than ${bytesMax} bytes` });
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The innermost reason: fetch wraps what the network said. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause !== undefined && cause !== null) return reasonOf(cause);
  return error instanceof Error ? error.message || error.name : String(error);
}

async function attempt(url: string, limits: KdsLimits, edge: KdsEdge): Promise<Attempt> {
  try {
    const response = await (edge.fetch ?? fetch)(url, { signal: AbortSignal.timeout(limits.timeoutMs) });
    if (response.status === 200) return { state: 'bytes', bytes: await boundedBody(response, limits.bodyBytesMax) };
    await response.body?.cancel();
    if (response.status === 404) return { state: 'absent' };
    const pauseMs = retryAfterMs(response.headers.get('retry-after'), edge.now());
    const why = `HTTP status ${response.status}${response.statusText === '' ? '' : ` ${quoted(response.statusText)}`}`;
    if (response.status === 429) return { state: 'later', code: 'KDS_THROTTLED', why, pauseMs };
    if (response.status >= 500) return { state: 'later', code: 'KDS_UNREACHABLE', why, pauseMs };
    throw new HarnessError({ code: 'KDS_ANSWER', what: `the service answers with ${why}`, where: url });
  } catch (error) {
    if (error instanceof HarnessError) {
      throw new HarnessError({ code: error.code, what: error.what, where: url, hint: error.hint, cause: error });
    }
    const why =
      error instanceof Error && error.name === 'TimeoutError'
        ? `no whole answer within ${limits.timeoutMs / 1000} s`
        : reasonOf(error);
    return { state: 'later', code: 'KDS_UNREACHABLE', why: quoted(why), pauseMs: undefined, cause: error };
  }
}

/**
 * Asks the service for one thing, again after a pause where it throttles, fails or cannot be reached: at least as long as it
 * asks, else twice as long as before.
 * @returns its bytes, not looked at; undefined where the service says that there is no such thing
 * @throws HarnessError KDS_THROTTLED, KDS_UNREACHABLE when patience is over; KDS_ANSWER for another status or too large a body
 */
export async function kdsGet(url: string, limits: KdsLimits, edge: KdsEdge): Promise<Uint8Array | undefined> {
  for (let count = 1; ; count += 1) {
    const answer = await attempt(url, limits, edge);
    if (answer.state === 'bytes') return answer.bytes;
    if (answer.state === 'absent') return undefined;
    const own = Math.min(limits.pauseMs * 2 ** (count - 1), limits.pauseMsMax);
    const pauseMs = answer.pauseMs === undefined ? own : Math.max(answer.pauseMs, limits.pauseMs);
    if (count >= limits.attempts || pauseMs > limits.pauseMsMax) {
      const wait = pauseMs > limits.pauseMsMax ? `; it asks to wait ${Math.ceil(pauseMs / 1000)} s` : '';
      throw new HarnessError({
        code: answer.code,
        what: `no answer of the key distribution service after ${count} attempts: ${answer.why}${wait}`,
        where: url,
        hint: 'what was fetched once is kept; --certs takes certificates from files, --kds asks a mirror',
        cause: answer.cause,
      });
    }
    edge.note(`${url}: ${answer.why}; asking again in ${Math.ceil(pauseMs / 1000)} s`);
    await edge.sleep(pauseMs);
  }
}
