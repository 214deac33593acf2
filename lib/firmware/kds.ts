import { SPL_EXTENSIONS } from '../abi/certificate-extensions.ts';
import { AUTHORITY_SERIALS, type Authority, yearsAfter } from './authority.ts';
import type { Chip } from './chip.ts';
import { type Issuer, issueCrl } from './issuing.ts';
import { issueVcek } from './leaf-certificates.ts';
import { PRODUCT_NAMES, type ProductName } from './platform.ts';
import { PRODUCT_TRAITS } from './products.ts';

/** What an emulated key distribution service knows. */
export interface KdsKnowledge {
  /** The issuers of a product; undefined where it has none of that product. */
  authority: (product: ProductName) => Promise<Authority | undefined>;
  /** Chips that it issues VCEKs for, as AMD does for those that were made. */
  chips: readonly Chip[];
  now: () => Date;
  /** Issuers that its lists name as revoked. */
  revoked?: readonly ('ask' | 'asvk')[] | undefined;
}

/** One answer, as over HTTP. */
export interface KdsResponse {
  status: 200 | 400 | 404;
  contentType: string;
  body: Uint8Array;
}

const refused = (status: 400 | 404, why: string): KdsResponse => ({
  status,
  contentType: 'text/plain',
  body: Buffer.from(`${why}\n`),
});
const der = (body: Uint8Array): KdsResponse => ({ status: 200, contentType: 'application/octet-stream', body });

function pem(issuers: readonly Issuer[]): Uint8Array {
  const blocks = issuers.map(({ certificate }) => {
    const lines = Buffer.from(certificate)
      .toString('base64')
      .replaceAll(/.{64}(?=.)/g, '$&\n');
    return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  });
  return Buffer.from(blocks.join(''));
}

/** TCB_VERSION from the query of a VCEK request; undefined where an SPL is missing, too many or no number. */
function tcbOf(product: ProductName, query: URLSearchParams): bigint | undefined {
  const rows = SPL_EXTENSIONS[PRODUCT_TRAITS[product].tcbLayout].filter(({ name }) => !/^spl\d$/.test(name));
  if (
    [...query.keys()].sort().join() !==
    rows
      .map(({ name }) => name)
      .sort()
      .join()
  )
    return undefined;
  let tcb = 0n;
  for (const { name, at } of rows) {
    const text = query.get(name) ?? '';
    if (!/^\d{1,3}$/.test(text) || Number(text) > 0xff) return undefined;
    tcb |= BigInt(text) << BigInt(8 * at);
  }
  return tcb;
}

function vcekOf(authority: Authority, hwId: string, query: URLSearchParams, knowledge: KdsKnowledge): KdsResponse {
  const tcb = tcbOf(authority.product, query);
  if (tcb === undefined) return refused(400, 'the SPLs are not those of the product');
  const { chipIdBytes } = PRODUCT_TRAITS[authority.product];
  const chip = knowledge.chips.find(
    ({ platform }) =>
      platform.product === authority.product &&
      Buffer.from(platform.chipId.subarray(0, chipIdBytes)).toString('hex') === hwId,
  );
  // A TCB that never ran on the chip has no VCEK at AMD's service either.
  if (chip === undefined || tcb > chip.platform.tcb) return refused(404, 'no such chip or TCB');
  return der(issueVcek(authority, chip, { tcb, now: knowledge.now() }));
}

/**
 * What an emulated key distribution service answers at the paths of AMD's. Each request gets a certificate that is signed
 * anew, as AMD's service does over time: the key in it stays.
 * @param path with its query   Source: AMD 57230, endpoints
 */
export async function answerKds(path: string, knowledge: KdsKnowledge): Promise<KdsResponse> {
  const url = new URL(path, 'http://kds.invalid');
  const [, service, version, name, what, ...more] = url.pathname.split('/');
  const product = PRODUCT_NAMES.find((known) => known === name);
  const authority = product && (await knowledge.authority(product));
  const known = (service === 'vcek' || service === 'vlek') && version === 'v1' && more.length === 0;
  if (!known || authority === undefined || what === undefined) return refused(404, 'no such thing');
  const issuer = service === 'vcek' ? 'ask' : 'asvk';
  if (what === 'cert_chain') {
    return { status: 200, contentType: 'application/x-pem-file', body: pem([authority[issuer], authority.ark]) };
  }
  if (what === 'crl') {
    const now = knowledge.now();
    const serials = (knowledge.revoked ?? []).map((role) => AUTHORITY_SERIALS[role]);
    return der(issueCrl(serials, { notBefore: now, notAfter: yearsAfter(now, 1) }, authority.ark));
  }
  return service === 'vcek' ? vcekOf(authority, what, url.searchParams, knowledge) : refused(404, 'no such thing');
}
