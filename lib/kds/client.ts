import { join } from 'node:path';
import type { CertificateBundle } from '../attestation/certificate-file.ts';
import { readCertificateFile } from '../attestation/certificate-file.ts';
import { type KdsRequest, kdsBase, kdsCacheName, kdsRequestText, kdsUrl } from '../attestation/kds.ts';
import { HarnessError } from '../errors.ts';
import { type CachedAnswer, KdsCache } from './cache.ts';
import { KDS_LIMITS, type KdsEdge, type KdsLimits, kdsGet } from './http.ts';
import { inTurn } from './turn.ts';

/** How the service is used. */
export interface KdsSettings {
  /** The address of the service or of a mirror. */
  base: string;
  /** The folder in which the answers of all services are kept. */
  cacheFolder: string;
  /** `offline`: what is kept, and nothing else. */
  mode: 'online' | 'offline';
  edge: KdsEdge;
  limits?: KdsLimits | undefined;
}

/** A list may be kept for so long before the service is asked whether there is a newer one. */
const CRL_AGE_MS_MAX = 24 * 3600_000;

/** How much a request insists: `kept` takes what is kept if it is good, `anew` asks the service. */
export type KdsInsistence = 'kept' | 'anew';

/** Certificates and lists from the service, each asked for once and then kept. */
export class KdsClient {
  readonly mode: KdsSettings['mode'];
  readonly #base: string;
  readonly #cache: KdsCache;
  readonly #edge: KdsEdge;
  readonly #limits: KdsLimits;

  /** @throws HarnessError USAGE for an address that is none */
  constructor({ base, cacheFolder, mode, edge, limits }: KdsSettings) {
    this.mode = mode;
    this.#base = kdsBase(base);
    this.#edge = edge;
    this.#limits = limits ?? KDS_LIMITS;
    this.#cache = new KdsCache(cacheFolder, this.#base, edge.note);
  }

  /** Where what it fetches is kept. */
  get cacheFolder(): string {
    return this.#cache.folder;
  }

  /**
   * Certificates or a list.
   * @returns undefined for a VCEK that the service does not know, for a list that it does not have, and offline for whatever is not kept
   * @throws HarnessError KDS_UNREACHABLE, KDS_THROTTLED; KDS_ANSWER for an answer that holds no certificate; KDS_CACHE
   */
  async get(request: KdsRequest, insistence: KdsInsistence = 'kept'): Promise<CertificateBundle | undefined> {
    const kept = this.#kept(request);
    if (this.mode === 'offline') return kept?.bundle;
    if (kept !== undefined && insistence === 'kept' && this.#fresh(request, kept)) return kept.bundle;
    try {
      return await inTurn(join(this.#cache.folder, 'turn'), this.#edge, () => this.#fetch(request, insistence, kept));
    } catch (error) {
      // A list that has not run out yet is better than none.
      const outOfReach = error instanceof HarnessError && ['KDS_UNREACHABLE', 'KDS_THROTTLED'].includes(error.code);
      if (!outOfReach || kept === undefined || request.what !== 'crl' || this.#ranOut(kept.bundle)) throw error;
      this.#edge.note(`${kdsRequestText(request)}: the service cannot be asked; the one that was kept is still good`);
      return kept.bundle;
    }
  }

  async #fetch(request: KdsRequest, insistence: KdsInsistence, before: Kept | undefined) {
    // While this process waited for its turn, another may have fetched the very thing.
    const kept = this.#kept(request);
    const newer = kept !== undefined && kept.fetchedAt.getTime() !== before?.fetchedAt.getTime();
    if (kept !== undefined && (newer || insistence === 'kept') && this.#fresh(request, kept)) return kept.bundle;
    const url = kdsUrl(this.#base, request);
    const bytes = await kdsGet(url, this.#limits, this.#edge);
    if (bytes === undefined) {
      if (request.what === 'vcek') return undefined;
      // A mirror may have no lists; whether one is required is for who verifies to say.
      if (request.what === 'crl') {
        if (before !== undefined && !this.#ranOut(before.bundle)) return before.bundle;
        this.#edge.note(
          `the service has no list of revoked certificates (${url}): nobody can tell whether one is revoked`,
        );
        return undefined;
      }
      throw new HarnessError({ code: 'KDS_ANSWER', what: 'the service has no such chain', where: url });
    }
    const bundle = answerOf(request, bytes, url);
    await this.#cache.write(kdsCacheName(request), url, bytes, this.#edge.now());
    return bundle;
  }

  #kept(request: KdsRequest): Kept | undefined {
    const name = kdsCacheName(request);
    const answer = this.#cache.read(name);
    if (answer === undefined) return undefined;
    try {
      return { ...answer, bundle: answerOf(request, answer.bytes, join(this.#cache.folder, `${name}.json`)) };
    } catch (error) {
      if (!(error instanceof HarnessError)) throw error;
      this.#edge.note(`${error.where}: ${error.what}; passed over, and fetched anew where that can be done`);
      return undefined;
    }
  }

  /** Need the service not be asked? Certificates are good until they run out; lists for a day. */
  #fresh(request: KdsRequest, { bundle, fetchedAt }: Kept): boolean {
    if (this.#ranOut(bundle)) return false;
    return request.what !== 'crl' || this.#edge.now().getTime() - fetchedAt.getTime() < CRL_AGE_MS_MAX;
  }

  #ranOut({ certificates, crls }: CertificateBundle): boolean {
    const now = this.#edge.now();
    return (
      certificates.some(({ notAfter }) => notAfter < now) ||
      crls.some(({ details }) => {
        const { nextUpdate } = details();
        return nextUpdate !== null && nextUpdate < now;
      })
    );
  }
}

interface Kept extends CachedAnswer {
  bundle: CertificateBundle;
}

/** What an answer holds. @throws HarnessError KDS_ANSWER where that is not what was asked for */
function answerOf(request: KdsRequest, bytes: Uint8Array, where: string): CertificateBundle {
  let bundle: CertificateBundle;
  try {
    bundle = readCertificateFile(bytes, where);
    for (const { details } of bundle.crls) details();
  } catch (cause) {
    throw new HarnessError({ code: 'KDS_ANSWER', what: `this is not ${kdsRequestText(request)}`, where, cause });
  }
  const { certificates, crls } = bundle;
  const right =
    request.what === 'crl'
      ? crls.length === 1 && certificates.length === 0
      : crls.length === 0 && certificates.length === (request.what === 'vcek' ? 1 : 2);
  if (right) return bundle;
  throw new HarnessError({
    code: 'KDS_ANSWER',
    what: `this is not ${kdsRequestText(request)}: ${certificates.length} certificates and ${crls.length} lists`,
    where,
  });
}
