import type { Anchor } from './anchors.ts';
import { type Certificate, type CertificateKind, type Crl, signedBy } from './certificate.ts';

/** A certificate that was chosen as an issuer, and whether its key did sign. */
export interface Issuer {
  certificate: Certificate;
  /** Did its key sign the certificate below it? */
  signs: boolean;
}

/** The chain above a leaf, as far as it was given; nothing in it is trusted but for `anchor`. */
export interface Chain {
  /** ASK or ASVK. */
  intermediate: Issuer | undefined;
  root: Issuer | undefined;
  /** Does the root's own key sign the root? */
  rootSelfSigned: boolean;
  rootDigest: string | undefined;
  /** The anchor whose key the root has. */
  anchor: Anchor | undefined;
}

/** Is a moment within the dates of a certificate? */
export function validAt({ notBefore, notAfter }: Certificate, now: Date): boolean {
  return notBefore <= now && now <= notAfter;
}

/** The best of some: the first ranking that tells two apart decides, more is better; of equals the first. */
export function best<T>(candidates: readonly T[], ...rankings: readonly ((candidate: T) => number)[]): T | undefined {
  const ranked = candidates.map((candidate) => ({ candidate, ranks: rankings.map((rank) => rank(candidate)) }));
  ranked.sort((left, right) => {
    const at = left.ranks.findIndex((rank, index) => rank !== right.ranks[index]);
    return at < 0 ? 0 : (right.ranks[at] ?? 0) - (left.ranks[at] ?? 0);
  });
  return ranked[0]?.candidate;
}

/** The issuer of a certificate among those given: by name, and of several with that name the one whose key signed. */
function issuerOf(below: Certificate, given: readonly Certificate[], kinds: readonly CertificateKind[], now: Date) {
  const named = given.filter(({ kind, subjectDer }) => kinds.includes(kind) && subjectDer === below.issuerDer);
  const issuers = named.map((certificate) => ({
    certificate,
    signs: signedBy(below.structure, certificate),
  }));
  return best(
    issuers,
    ({ signs }) => Number(signs),
    ({ certificate }) => Number(validAt(certificate, now)),
  );
}

/** Follows a leaf up through the certificates that were given, to the root that an anchor pins. */
export function chainOf(
  leaf: Certificate,
  given: readonly Certificate[],
  anchors: readonly Anchor[],
  now: Date,
): Chain {
  const intermediate = issuerOf(leaf, given, [leaf.kind === 'VLEK' ? 'ASVK' : 'ASK'], now);
  const root = intermediate && issuerOf(intermediate.certificate, given, ['ARK'], now);
  const rootDigest = root?.certificate.keyDigest();
  return {
    intermediate,
    root,
    rootSelfSigned: root !== undefined && signedBy(root.certificate.structure, root.certificate),
    rootDigest,
    anchor: anchors.find((anchor) => anchor.spkiSha256 === rootDigest),
  };
}

/** The list that a root signed, the newest of several; else one in its name whose signature does not hold. */
export function crlOf(root: Certificate, given: readonly Crl[]): { crl: Crl; signs: boolean } | undefined {
  const named = given
    .filter(({ issuerDer }) => issuerDer === root.subjectDer)
    .map((crl) => ({ crl, signs: signedBy(crl.structure, root) }));
  return best(
    named,
    ({ signs }) => Number(signs),
    ({ crl, signs }) => (signs ? crl.details().thisUpdate.getTime() : 0),
  );
}
