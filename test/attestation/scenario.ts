import type { AttestationReport } from '../../lib/abi/report.ts';
import { type Certificate, readCertificate } from '../../lib/attestation/certificate.ts';
import type { VerifyInput } from '../../lib/attestation/subject.ts';
import { type ReportVerdict, verifyReport } from '../../lib/attestation/verify.ts';
import {
  CHIP_ID,
  certificatesOf,
  crlOfChain,
  hwId,
  type MadeChain,
  type MadeFor,
  MILAN_LEVELS,
  madeChain,
  NOW,
  oldExtensions,
} from './made-chain.ts';
import { madeFields, signedReport } from './made-report.ts';

export const failures = ({ checks }: ReportVerdict): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ name }) => name);

export function statusOf({ checks }: ReportVerdict, name: string): string | undefined {
  return checks.find((check) => check.name === name)?.status;
}

/** Verifies a made report by a made chain; a scenario changes either, or how it is verified. */
export interface Scenario {
  title: string;
  of?: MadeFor;
  fields?: Partial<AttestationReport>;
  chain?: (chain: MadeChain) => MadeChain;
  report?: (bytes: Uint8Array) => void;
  /** Changes after signing. */
  tamper?: (bytes: Uint8Array) => void;
  input?: (input: VerifyInput) => Partial<VerifyInput>;
  fails: string[];
}

export function verified({
  of = 'Milan VCEK',
  fields,
  chain: change,
  report,
  tamper,
  input,
}: Omit<Scenario, 'title' | 'fails'>): ReportVerdict {
  const made = (change ?? ((same) => same))(madeChain(of));
  const bytes = signedReport({ ...madeFields(of), ...fields }, report);
  tamper?.(bytes);
  const whole: VerifyInput = {
    report: bytes,
    certificates: certificatesOf(made),
    crls: [crlOfChain(made)],
    anchors: [made.anchor],
    now: NOW,
  };
  return verifyReport({ ...whole, ...input?.(whole) });
}

export const withLeaf = (change: Partial<MadeChain['leaf']>) => (chain: MadeChain) => ({
  ...chain,
  leaf: { ...chain.leaf, ...change },
});
export const withIntermediate = (change: Partial<MadeChain['intermediate']>) => (chain: MadeChain) => ({
  ...chain,
  intermediate: { ...chain.intermediate, ...change },
});
export const withRoot = (change: Partial<MadeChain['root']>) => (chain: MadeChain) => ({
  ...chain,
  root: { ...chain.root, ...change },
});
export const withCrl = (change: Partial<MadeChain['crl']>) => (chain: MadeChain) => ({
  ...chain,
  crl: { ...chain.crl, ...change },
});
export const extending = (change: (extensions: MadeChain['leaf']['extensions']) => MadeChain['leaf']['extensions']) => {
  return (chain: MadeChain) => withLeaf({ extensions: change(chain.leaf.extensions) })(chain);
};
export const set =
  (at: number, ...values: number[]) =>
  (bytes: Uint8Array): void =>
    bytes.set(values, at);

export const milan = (levels = MILAN_LEVELS) => [...oldExtensions('Milan-B0', levels), hwId(CHIP_ID)];

/** Sets the version. @returns the same bytes */
export function set0(bytes: Uint8Array, version: number): Uint8Array {
  bytes[0] = version;
  return bytes;
}

export function renamed(chain: MadeChain, organization: string): MadeChain {
  const rename = (pairs: MadeChain['root']['issuer']) =>
    pairs.map(([attribute, value]): [string, string] => [attribute, attribute === 'O' ? organization : value]);
  const both = <C extends MadeChain['root']>(made: C): C => ({
    ...made,
    issuer: rename(made.issuer),
    subject: rename(made.subject),
  });
  return {
    ...chain,
    root: both(chain.root),
    intermediate: both(chain.intermediate),
    leaf: both(chain.leaf),
    crl: { ...chain.crl, issuer: rename(chain.crl.issuer) },
  };
}

/** The certificate with its product name changed in place, so that its signature no longer holds. */
export function alteredProduct(certificate: Certificate): Certificate {
  if (certificate.kind !== 'VCEK') return certificate;
  const at = Buffer.from(certificate.der).indexOf('Milan-B0');
  const der = certificate.der.slice();
  der.set(Buffer.from('Genoa-B0'), at);
  return readCertificate(der, 'leaf');
}
