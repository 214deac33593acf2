import { buildCertificateTable, CERTIFICATE_GUIDS, type CertificateTableName } from '../abi/certificate-table.ts';
import { joinTcb, splitTcb } from '../abi/tcb.ts';
import { type Authority, yearsAfter } from './authority.ts';
import { type Chip, emulatedChip } from './chip.ts';
import { issueVcek, issueVlek, type LeafOptions } from './leaf-certificates.ts';
import type { HostCache, Platform } from './platform.ts';
import { PRODUCT_TRAITS } from './products.ts';

/** The TCB of before a firmware update: one SNP firmware older. */
function earlierTcb({ product, reportedTcb }: Platform): bigint {
  const { tcbLayout } = PRODUCT_TRAITS[product];
  const levels = splitTcb(reportedTcb, tcbLayout);
  // Where there was none, the level before is one that never was: no certificate of it fits either.
  const snp = ((levels.snp ?? 0) + 0xff) % 0x100;
  return joinTcb({ ...levels, snp }, tcbLayout);
}

/** Another machine of the same product. */
function otherChip({ platform, vlek }: Chip): Chip {
  return emulatedChip('the machine before', { product: platform.product, vlek: vlek ?? undefined });
}

function leafOptions(cache: HostCache, { platform }: Chip, now: Date): LeafOptions {
  return {
    tcb: cache === 'stale' ? earlierTcb(platform) : platform.reportedTcb,
    now,
    dates: cache === 'expired' ? { notBefore: yearsAfter(now, -2), notAfter: yearsAfter(now, -1) } : undefined,
  };
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
  const owner = cache === 'other-chip' ? otherChip(chip) : chip;
  const options = leafOptions(cache, chip, now);
  const entries: [CertificateTableName, Uint8Array][] =
    owner.vlek === null
      ? [
          ['VCEK', issueVcek(authority, owner, options)],
          ['ASK', authority.ask.certificate],
        ]
      : [
          ['VLEK', issueVlek(authority, owner.vlek, options)],
          ['ASK', authority.asvk.certificate],
        ];
  const rows = [...entries, ['ARK', authority.ark.certificate] as const];
  return buildCertificateTable(rows.map(([name, contents]) => ({ guid: CERTIFICATE_GUIDS[name], contents })));
}
