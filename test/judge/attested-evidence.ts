import type { Evidence } from '../../lib/evidence/schema.ts';
import { anchorOf } from '../../lib/firmware/authority.ts';
import { type Chip, emulatedChip } from '../../lib/firmware/chip.ts';
import { requestReport } from '../../lib/firmware/guest.ts';
import type { GuestContext } from '../../lib/firmware/guest-context.ts';
import { hostCertificates } from '../../lib/firmware/host-cache.ts';
import { issueVcek } from '../../lib/firmware/leaf-certificates.ts';
import type { HostCache } from '../../lib/firmware/platform.ts';
import type { PlatformOptions } from '../../lib/firmware/products.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { authorKeyDigest, idKeyDigest } from '../../lib/identity/id-auth.ts';
import { authorityOf, NOW } from '../firmware/emulated-chips.ts';
import { runningGuest } from '../firmware/platform.ts';
import { base64, evidence, HOST_DATA, keys, NONCE, POLICY, prediction } from './made-evidence.ts';

export const SECOND_NONCE = '5a'.repeat(64);
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

/** A guest of the launch that made-evidence.ts describes. */
function guestOfTheLaunch(): GuestContext {
  return Object.assign(runningGuest(), {
    policy: POLICY,
    launchDigest: prediction.launchDigest,
    hostData: bytes(HOST_DATA),
    idBlock: { familyId: bytes('fa'.repeat(16)), imageId: bytes('1a'.repeat(16)), guestSvn: 3 },
    idKeyDigest: idKeyDigest(snpPublicKey(keys.idKey)),
    authorKeyDigest: authorKeyDigest(snpPublicKey(keys.authorKey)),
    authorKeyEnabled: true,
  });
}

/** The report of a guest over a nonce, as base64. */
export function reportOf(chip: Chip, nonce: string, guest = guestOfTheLaunch()): string {
  const report = requestReport(guest, chip, bytes(nonce));
  if (typeof report === 'string') throw new Error(report);
  return base64(report);
}

/** What is chosen of attested evidence. */
export interface Attested {
  workflow?: 'standard' | 'extended';
  options?: PlatformOptions;
  cache?: Exclude<HostCache, 'empty'>;
  /** What `attestation` says otherwise. */
  attestation?: Partial<NonNullable<Evidence['attestation']>>;
  outcome?: Partial<Evidence['outcome']>;
  sent?: Partial<Evidence['sent']>;
}

/** Evidence of a launch on an emulated chip with what its report is verified with, altered. */
export async function attestedEvidence({
  workflow = 'standard',
  options = {},
  cache = 'present',
  attestation,
  outcome,
  sent,
}: Attested = {}): Promise<Evidence> {
  const chip = emulatedChip('lab-1', options);
  const authority = await authorityOf(chip.platform.product);
  const guest = guestOfTheLaunch();
  const table = hostCertificates(cache, authority, chip, NOW);
  const vcek = issueVcek(authority, chip, { tcb: chip.platform.reportedTcb, now: NOW });
  const chain = [vcek, authority.ask.certificate, authority.ark.certificate];
  const launched = evidence({
    sent: { secondNonce: SECOND_NONCE, ...sent },
    outcome: {
      report: reportOf(chip, NONCE, guest),
      secondReport: reportOf(chip, SECOND_NONCE, guest),
      certificates: workflow === 'extended' ? base64(table) : '',
      ...outcome,
    },
  });
  return {
    ...launched,
    scenario: `attestation/${workflow}`,
    attestation: {
      workflow,
      at: NOW.toISOString(),
      certificates: workflow === 'standard' ? chain.map(base64) : [],
      trouble: null,
      emulatedRoot: anchorOf(authority),
      cspId: null,
      earlierReport: null,
      ...attestation,
    },
  };
}
