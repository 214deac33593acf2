import { KDS_PRODUCTS, type KdsProduct, PRODUCT_LINES, productLineOf } from '../abi/products.ts';
import type { AttestationReport } from '../abi/report.ts';
import { splitTcb, type TcbLayoutName, tcbComponents } from '../abi/tcb.ts';
import { HarnessError } from '../errors.ts';
import { hexOf } from '../text.ts';
import type { Anchor } from './anchors.ts';
import { type Certificate, nameAttribute } from './certificate.ts';
import { KDS_URL } from './kds-url.ts';
import { CPUID_SINCE, SPL_NAMES, tcbLayoutOf } from './tcb.ts';

/** The two halves of the service, by the kind of leaf. */
export type KdsService = 'vcek' | 'vlek';

/** What the service is asked for. VLEKs are not among it: it hands them to cloud providers only. */
export type KdsRequest =
  | {
      what: 'vcek';
      product: KdsProduct;
      /** The chip's part of CHIP_ID: 64 bytes, 8 of Turin and later. */
      hwId: Uint8Array;
      tcb: bigint;
      layout: TcbLayoutName;
    }
  | { what: 'chain' | 'crl'; service: KdsService; product: KdsProduct };

/** SPLs are written with two digits at least, as the service itself does. */
const SPL_DIGITS = 2;

function splQuery(tcb: bigint, layout: TcbLayoutName): string {
  const levels = splitTcb(tcb, layout);
  return tcbComponents(layout)
    .map(({ name }) => `${SPL_NAMES[name]}=${String(levels[name] ?? 0).padStart(SPL_DIGITS, '0')}`)
    .join('&');
}

/** Path and query of a request. Source: AMD 57230, endpoints. */
export function kdsPath(request: KdsRequest): string {
  if (request.what === 'vcek') {
    const { product, hwId, tcb, layout } = request;
    return `/vcek/v1/${product}/${hexOf(hwId)}?${splQuery(tcb, layout)}`;
  }
  return `/${request.service}/v1/${request.product}/${request.what === 'chain' ? 'cert_chain' : 'crl'}`;
}

/** What messages call the answer to a request. */
export function kdsRequestText(request: KdsRequest): string {
  if (request.what === 'vcek') {
    const { product, hwId, tcb, layout } = request;
    return `the VCEK of ${product} chip ${hexOf(hwId)} at ${splQuery(tcb, layout).replaceAll('&', ' ')}`;
  }
  const issuer = request.service === 'vcek' ? 'ASK' : 'ASVK';
  return request.what === 'chain'
    ? `the ${issuer} and ARK of ${request.product}`
    : `the list of revoked certificates of ${request.product} (${request.service})`;
}

/**
 * The address of a request at the service or at a mirror of it.
 * @param base http or https, with a path before those of the service where a mirror has one
 * @throws HarnessError USAGE for anything else
 */
export function kdsUrl(base: string, request: KdsRequest): string {
  return `${kdsBase(base)}${kdsPath(request)}`;
}

/** The address of the service or of a mirror, without a slash at its end. @throws HarnessError USAGE */
export function kdsBase(base: string): string {
  const url = URL.canParse(base) ? new URL(base) : null;
  const fit = url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
  if (!fit || url.username !== '' || url.password !== '') {
    throw new HarnessError({
      code: 'USAGE',
      what: 'the address of a key distribution service is http(s), without a user, query or fragment',
      where: JSON.stringify(base.slice(0, 200)),
      hint: `${KDS_URL} is AMD's own`,
    });
  }
  return url.href.replace(/\/+$/, '');
}

/** A name under which the answer to a request is kept: product, chip and TCB; characters that every file system takes. */
export function kdsCacheName(request: KdsRequest): string {
  if (request.what === 'vcek') {
    const { product, hwId, tcb, layout } = request;
    const levels = splitTcb(tcb, layout);
    const spls = tcbComponents(layout).map(({ name }) => `${name.toLowerCase()}${levels[name] ?? 0}`);
    return `vcek-${product}-${hexOf(hwId)}-${spls.join('-')}`;
  }
  return `${request.service}-${request.product}-${request.what}`;
}

/**
 * The products that a report may be of: by CPUID; in version 2, which does not state it, those of its TCB layout, oldest
 * first. Of an unknown processor: none.
 */
export function productsOf(report: AttestationReport): KdsProduct[] {
  if (report.version >= CPUID_SINCE) {
    const line = productLineOf(report.cpuidFamId, report.cpuidModId);
    return line === undefined ? [] : [line.kdsProduct];
  }
  const layout = tcbLayoutOf(report);
  const products = PRODUCT_LINES.filter(({ tcbLayout, name }) => tcbLayout === layout && name !== 'Venice');
  return [...new Set(products.map(({ kdsProduct }) => kdsProduct))];
}

/** The product of a chain by the name of its root: `Milan`, or of somebody's own `emulated-Milan`. */
export function productOfChainName(chainName: string): KdsProduct | undefined {
  return KDS_PRODUCTS.find((product) => chainName === product || chainName.endsWith(`-${product}`));
}

/**
 * The product in whose chain a leaf's issuer stands; undefined where its name is in the chain of none of the roots.
 * @param anchors that may be trusted: AMD's, or that of an emulated chain
 */
export function productOfIssuer({ issuer }: Certificate, anchors: readonly Anchor[]): KdsProduct | undefined {
  const [, name] = /^SEV-(?:VLEK-)?(.+)$/.exec(nameAttribute(issuer, 'CN') ?? '') ?? [];
  return anchors.find(({ chainName }) => chainName === name)?.product;
}

/** The request for the VCEK of a report: the chip is CHIP_ID, the TCB is REPORTED_TCB. */
export function vcekRequest(report: AttestationReport, product: KdsProduct): KdsRequest {
  const line = PRODUCT_LINES.find(({ kdsProduct }) => kdsProduct === product);
  const bytes = line?.chipIdBytes ?? report.chipId.length;
  return {
    what: 'vcek',
    product,
    hwId: report.chipId.subarray(0, bytes),
    tcb: report.reportedTcb,
    layout: line?.tcbLayout ?? tcbLayoutOf(report),
  };
}
