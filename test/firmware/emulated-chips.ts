import { readCertificateFile } from '../../lib/attestation/certificate-file.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { type ReportVerdict, verifyReport } from '../../lib/attestation/verify.ts';
import { type Authority, anchorOf } from '../../lib/firmware/authority.ts';
import { type Chip, emulatedChip } from '../../lib/firmware/chip.ts';
import { requestReport } from '../../lib/firmware/guest.ts';
import type { ProductName } from '../../lib/firmware/platform.ts';
import type { PlatformOptions } from '../../lib/firmware/products.ts';
import { emulatedAuthority } from '../../lib/host/authority-store.ts';
import { CACHE_FOLDER } from '../support/paths.ts';
import { runningGuest } from './platform.ts';

export const NONCE = new Uint8Array(64).fill(0xa5);
export const NOW = new Date();

const authorities = new Map<ProductName, Promise<Authority>>();

/** The issuers of a product that the set-up of the tests made. */
export function authorityOf(product: ProductName): Promise<Authority> {
  const known = authorities.get(product) ?? emulatedAuthority(CACHE_FOLDER, product);
  authorities.set(product, known);
  return known;
}

/** A chip, its issuers, and a report of a guest on it. */
export interface Reported {
  authority: Authority;
  chip: Chip;
  report: Uint8Array;
}

export async function reported(options: PlatformOptions = {}, name = 'lab-1'): Promise<Reported> {
  const chip = emulatedChip(name, options);
  const report = requestReport(runningGuest(), chip, NONCE);
  if (typeof report === 'string') throw new Error(report);
  return { authority: await authorityOf(chip.platform.product), chip, report };
}

/** Verifies a report with certificates in DER, trusting the emulated root of its issuers. */
export function verified(
  { authority, report }: Reported,
  certificates: readonly Uint8Array[],
  change: Partial<VerifyInput> = {},
): ReportVerdict {
  const bundles = certificates.map((bytes, index) => readCertificateFile(bytes, `certificate ${index}`));
  return verifyReport({
    report,
    certificates: bundles.flatMap((bundle) => bundle.certificates),
    crls: bundles.flatMap((bundle) => bundle.crls),
    anchors: [anchorOf(authority)],
    now: NOW,
    ...change,
  });
}

/** The names of the checks that failed. */
export function failures({ checks }: ReportVerdict): string[] {
  return checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
}
