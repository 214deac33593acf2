import { buildCertificateTable, CERTIFICATE_GUIDS, type CertificateTableName } from '../abi/certificate-table.ts';
import { joinTcb, splitTcb } from '../abi/tcb.ts';
import type { Authority } from './authority.ts';
import type { Chip } from './chip.ts';
import { issueVcek, issueVlek } from './leaf-certificates.ts';
import type { Platform } from './platform.ts';
import { PRODUCT_TRAITS } from './products.ts';

/**
 * What an emulated host has for an extended request: nothing, as the kernel upstream; the certificates of its key; or
 * those of before the last firmware update, which nobody renewed.
 */
export const HOST_CACHES = ['empty', 'present', 'stale'] as const;
export type HostCache = (typeof HOST_CACHES)[number];

/** The TCB of before a firmware update: one SNP firmware older. */
function earlierTcb({ product, reportedTcb }: Platform): bigint {
  const { tcbLayout } = PRODUCT_TRAITS[product];
  const levels = splitTcb(reportedTcb, tcbLayout);
  // Where there was none, the level before is one that never was: no certificate of it fits either.
  const snp = ((levels.snp ?? 0) + 0xff) % 0x100;
  return joinTcb({ ...levels, snp }, tcbLayout);
}

/**
 * The certificate table that an emulated host gives its guests.
 * @param authority whose leaf it is, of the chip's product   @param now when the leaf becomes valid
 * @returns as the host would copy it into the guest's buffer
 * Source: GHCB specification, SNP extended guest request: the row of the ASK holds the ASVK where the key is a VLEK
 */
export function hostCertificates(
  cache: Exclude<HostCache, 'empty'>,
  authority: Authority,
  chip: Chip,
  now: Date,
): Uint8Array {
  const { platform, vlek } = chip;
  const options = { tcb: cache === 'stale' ? earlierTcb(platform) : platform.reportedTcb, now };
  const entries: [CertificateTableName, Uint8Array][] =
    vlek === null
      ? [
          ['VCEK', issueVcek(authority, chip, options)],
          ['ASK', authority.ask.certificate],
        ]
      : [
          ['VLEK', issueVlek(authority, vlek, options)],
          ['ASK', authority.asvk.certificate],
        ];
  const rows = [...entries, ['ARK', authority.ark.certificate] as const];
  return buildCertificateTable(rows.map(([name, contents]) => ({ guid: CERTIFICATE_GUIDS[name], contents })));
}
