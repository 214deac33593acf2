import { parseLayout } from '../abi/layout.ts';
import type { KdsProduct } from '../abi/products.ts';
import { ATTESTATION_REPORT, type AttestationReport } from '../abi/report.ts';
import { AMD_ANCHORS, type Anchor } from '../attestation/anchors.ts';
import type { Certificate } from '../attestation/certificate.ts';
import type { CertificateBundle } from '../attestation/certificate-file.ts';
import { chainOf } from '../attestation/chain.ts';
import { type KdsService, kdsRequestText, productOfIssuer, productsOf, vcekRequest } from '../attestation/kds.ts';
import { parseKeyInfo, requireReportLength } from '../attestation/report.ts';
import { chipIdMasked } from '../attestation/tcb.ts';
import { HarnessError } from '../errors.ts';
import type { KdsClient } from './client.ts';

/** What a report is verified with, and why some of it is not there. */
export interface Collected extends CertificateBundle {
  /** The service knows no certificate of this chip and TCB; undefined where it was not asked or has one. */
  notFound: HarnessError | undefined;
}

/** What is asked of the service beside what is missing. */
export interface CollectOptions {
  /** Is the list of revoked certificates wanted? */
  crl: 'fetch' | 'leave';
  /** The product, where the caller knows it: reports of version 2 do not state it. */
  product?: KdsProduct | undefined;
  /** The roots whose chains are asked for; absent: AMD's. */
  anchors?: readonly Anchor[] | undefined;
  now: Date;
}

/** The leaves that can be the report's. */
function leavesOf(certificates: readonly Certificate[], report: AttestationReport): Certificate[] {
  const { signingKey } = parseKeyInfo(report.keyInfo);
  return certificates.filter(({ kind }) => kind === signingKey);
}

function notFoundError(report: AttestationReport, products: readonly KdsProduct[]): HarnessError {
  const asked = products.map((product) => kdsRequestText(vcekRequest(report, product)));
  return new HarnessError({
    code: 'KDS_NOT_FOUND',
    what: `the key distribution service does not know ${asked.join(', nor ')}`,
    hint: 'an emulated chip, a changed CHIP_ID or REPORTED_TCB; during outages the service is known to say so of real chips',
  });
}

/** The VCEK of a report, from the first product that knows it. */
async function fetchVcek(
  report: AttestationReport,
  products: readonly KdsProduct[],
  kds: KdsClient,
): Promise<{ certificates: Certificate[]; notFound: HarnessError | undefined }> {
  for (const product of products) {
    const found = await kds.get(vcekRequest(report, product));
    if (found !== undefined) return { certificates: found.certificates, notFound: undefined };
  }
  const askedInVain = kds.mode === 'online' && products.length > 0;
  return { certificates: [], notFound: askedInVain ? notFoundError(report, products) : undefined };
}

const serviceOf = ({ kind }: Certificate): KdsService => (kind === 'VLEK' ? 'vlek' : 'vcek');

/** ASK or ASVK and ARK above a leaf, where they are not among those given, or those kept do not fit the leaf. */
async function fetchChain(leaf: Certificate, given: readonly Certificate[], kds: KdsClient, options: CollectOptions) {
  const { now, anchors = AMD_ANCHORS } = options;
  const product = productOfIssuer(leaf, anchors);
  const { intermediate, root } = chainOf(leaf, given, [], now);
  if (product === undefined || (intermediate !== undefined && root !== undefined)) return [];
  const service = serviceOf(leaf);
  const chain = (await kds.get({ what: 'chain', service, product }))?.certificates ?? [];
  // The service may have signed the leaf with a newer key than the one that was kept.
  if (chain.length === 0 || chainOf(leaf, chain, [], now).intermediate?.signs === true) return chain;
  return (await kds.get({ what: 'chain', service, product }, 'anew'))?.certificates ?? [];
}

async function fetchCrl(leaf: Certificate, kds: KdsClient, { anchors = AMD_ANCHORS }: CollectOptions) {
  const product = productOfIssuer(leaf, anchors);
  return (product && (await kds.get({ what: 'crl', service: serviceOf(leaf), product }))?.crls) ?? [];
}

/**
 * Asks the service for what is missing to verify a report, and for nothing else. What it answers is no more trusted than
 * what was given.
 * @param report 1184 bytes   @param given certificates and lists from files or from the host
 * @throws HarnessError LAYOUT_LENGTH; KDS_UNREACHABLE, KDS_THROTTLED, KDS_ANSWER, KDS_CACHE
 */
export async function collectEvidence(
  report: Uint8Array,
  given: CertificateBundle,
  kds: KdsClient,
  options: CollectOptions,
): Promise<Collected> {
  requireReportLength(report);
  const fields = parseLayout(ATTESTATION_REPORT, report, 'attestation report', { reserved: 'keep' });
  const certificates = [...given.certificates];
  const crls = [...given.crls];
  let notFound: HarnessError | undefined;
  let leaves = leavesOf(certificates, fields);
  const wantsVcek = parseKeyInfo(fields.keyInfo).signingKey === 'VCEK' && !chipIdMasked(fields);
  if (leaves.length === 0 && wantsVcek) {
    const products = options.product === undefined ? productsOf(fields) : [options.product];
    const fetched = await fetchVcek(fields, products, kds);
    notFound = fetched.notFound;
    certificates.push(...fetched.certificates);
    leaves = fetched.certificates;
  }
  // Of leaves that share an issuer one stands for all.
  const byIssuer = [...new Map(leaves.map((leaf) => [leaf.issuerDer, leaf])).values()];
  for (const leaf of byIssuer) {
    certificates.push(...(await fetchChain(leaf, certificates, kds, options)));
    if (options.crl === 'fetch' && given.crls.length === 0) crls.push(...(await fetchCrl(leaf, kds, options)));
  }
  return { certificates, crls, notFound };
}
