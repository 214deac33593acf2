import type { WrongCertificates } from '../evidence/attestation-schema.ts';
import { AUTHORITY_SERIALS, type Authority, yearsAfter } from './authority.ts';
import type { Chip } from './chip.ts';
import { hostCertificates } from './host-cache.ts';
import { issueCrl } from './issuing.ts';

/**
 * Certificates that are genuine and do not fit the reports of a chip: for those who must find that out.
 * @param authority of the chip's product   @returns a certificate table, or a list of revoked certificates in DER
 */
export function wrongCertificates(wrong: WrongCertificates, authority: Authority, chip: Chip, now: Date): Uint8Array {
  if (wrong !== 'revoked') return hostCertificates(wrong, authority, chip, now);
  const serial = AUTHORITY_SERIALS[chip.vlek === null ? 'ask' : 'asvk'];
  return issueCrl([serial], { notBefore: now, notAfter: yearsAfter(now, 1) }, authority.ark);
}
