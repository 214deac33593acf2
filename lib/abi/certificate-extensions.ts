import type { TcbLayoutName } from './tcb.ts';

/** AMD's arc of the extensions of VCEK and VLEK certificates. Source: AMD 57230, certificate extensions. */
const ARC = '1.3.6.1.4.1.3704.1';

/** The extensions that are no security patch level. Source: AMD 57230, certificate extensions. */
export const CERTIFICATE_EXTENSIONS = {
  structVersion: `${ARC}.1`,
  productName: `${ARC}.2`,
  hwId: `${ARC}.4`,
  cspId: `${ARC}.5`,
} as const;

/** An extension that holds one security patch level. */
export interface SplExtension {
  readonly name: string;
  readonly oid: string;
  /** The byte of TCB_VERSION that it states. */
  readonly at: number;
}

/** The security patch levels of Milan and Genoa, structVersion 0. Source: AMD 57230, certificate extensions. */
const SPLS_FAMILY_19 = [
  { name: 'blSPL', oid: `${ARC}.3.1`, at: 0 },
  { name: 'teeSPL', oid: `${ARC}.3.2`, at: 1 },
  { name: 'spl4', oid: `${ARC}.3.4`, at: 2 },
  { name: 'spl5', oid: `${ARC}.3.5`, at: 3 },
  { name: 'spl6', oid: `${ARC}.3.6`, at: 4 },
  { name: 'spl7', oid: `${ARC}.3.7`, at: 5 },
  { name: 'snpSPL', oid: `${ARC}.3.3`, at: 6 },
  { name: 'ucodeSPL', oid: `${ARC}.3.8`, at: 7 },
] as const satisfies readonly SplExtension[];

/** The security patch levels of Turin, structVersion 1: with fmcSPL, without spl4. Source: real Turin certificates. */
const SPLS_FAMILY_1A = [
  { name: 'fmcSPL', oid: `${ARC}.3.9`, at: 0 },
  { name: 'blSPL', oid: `${ARC}.3.1`, at: 1 },
  { name: 'teeSPL', oid: `${ARC}.3.2`, at: 2 },
  { name: 'snpSPL', oid: `${ARC}.3.3`, at: 3 },
  { name: 'spl5', oid: `${ARC}.3.5`, at: 4 },
  { name: 'spl6', oid: `${ARC}.3.6`, at: 5 },
  { name: 'spl7', oid: `${ARC}.3.7`, at: 6 },
  { name: 'ucodeSPL', oid: `${ARC}.3.8`, at: 7 },
] as const satisfies readonly SplExtension[];

/** What a certificate states of a TCB, by the layout of that TCB. */
export const SPL_EXTENSIONS = { family19: SPLS_FAMILY_19, family1a: SPLS_FAMILY_1A } as const satisfies Record<
  TcbLayoutName,
  readonly SplExtension[]
>;

/** The structVersion of each layout. */
export const STRUCT_VERSIONS = { family19: 0, family1a: 1 } as const satisfies Record<TcbLayoutName, number>;

/** What productName begins with, by the name of the service: real Milan VCEKs say `Milan-B0`, Milan VLEKs `Milan`. */
export function productOfName(productName: string): string {
  return productName.split('-', 1).join('');
}
