import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KDS_URL } from '../attestation/kds-url.ts';
import { type Authority, anchorOf } from '../firmware/authority.ts';
import { emulatedChip } from '../firmware/chip.ts';
import { answerKds } from '../firmware/kds.ts';
import { wrongCertificates } from '../firmware/wrong-certificates.ts';
import type { Emulation } from '../host/emulation.ts';
import type { HostEntry } from '../host/hosts-file.ts';
import { KdsClient } from '../kds/client.ts';
import { KDS_LIMITS, type KdsEdge } from '../kds/http.ts';
import { Attestor } from './attestor.ts';
import type { Plan } from './plan.ts';

const note = (text: string): void => {
  process.stderr.write(`note: ${text}\n`);
};

const EDGE: KdsEdge = { now: () => new Date(), sleep: async (ms) => sleep(ms), note };

/** The emulated service of one emulated chip, without a network. */
function emulatedService(
  authority: Authority,
  entry: HostEntry,
  emulation: Emulation,
): { base: string; edge: KdsEdge } {
  const chips = [emulatedChip(entry.name, emulation.platform)];
  const known = { authority: async () => authority, chips, now: () => new Date() };
  const fetch = async (url: string): Promise<Response> => {
    const { pathname, search } = new URL(url);
    const { status, contentType, body } = await answerKds(`${pathname}${search}`, known);
    return new Response(Uint8Array.from(body), { status, headers: { 'content-type': contentType } });
  };
  // What is kept of it belongs to this authority: made anew, it is another service.
  const base = `http://${anchorOf(authority).spkiSha256.slice(0, 16)}.emulated.invalid`;
  return { base, edge: { ...EDGE, fetch } };
}

/**
 * What the reports of a host are verified with: AMD's service or the mirror that the plan names, on emulated hosts the
 * emulated one unless a mirror is named.
 */
export async function openAttestor(
  entry: HostEntry,
  { kds }: Pick<Plan, 'kds'>,
  emulation: Emulation | null,
  cacheFolder: string,
): Promise<Attestor> {
  const authority = emulation === null ? null : await emulation.authority();
  const named = { base: kds?.url ?? KDS_URL, edge: EDGE };
  const inProcess = authority !== null && emulation !== null && kds?.url === undefined;
  const service = inProcess ? emulatedService(authority, entry, emulation) : named;
  const limits = kds?.attempts === undefined ? KDS_LIMITS : { ...KDS_LIMITS, attempts: kds.attempts };
  const settings = { ...service, limits, cacheFolder: join(cacheFolder, 'kds') };
  const offline = new KdsClient({ ...settings, mode: 'offline' });
  return new Attestor({
    online: kds?.offline ? offline : new KdsClient({ ...settings, mode: 'online' }),
    offline,
    emulatedRoot: authority && anchorOf(authority),
    cspId: entry.attestation.cspId ?? null,
    makeWrong:
      authority === null || emulation === null
        ? null
        : async (wrong) =>
            wrongCertificates(wrong, authority, emulatedChip(entry.name, emulation.platform), EDGE.now()),
    now: EDGE.now,
  });
}
