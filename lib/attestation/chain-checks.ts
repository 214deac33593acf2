import { failed, notApplicable, passed } from '../finding.ts';
import { quoted } from '../text.ts';
import { type Certificate, nameAttribute, nameText, PSS_SALT_BYTES } from './certificate.ts';
import { validAt } from './chain.ts';
import { isP384, leafWanted, type ReportFinding, type Subject } from './subject.ts';

/** A chain that was given whole, and whose links' signatures hold. */
interface WholeChain {
  leaf: Certificate;
  intermediate: Certificate;
  root: Certificate;
}

/** What is not there of the chain, lowest first; undefined where it is whole. */
function missingLink(subject: Subject): string | undefined {
  const { leaf, chain } = subject;
  if (leaf === undefined) return leafWanted(subject);
  const link =
    chain?.intermediate === undefined ? leaf : chain.root === undefined ? chain.intermediate.certificate : null;
  return link === null ? undefined : `the certificate that issued ${link.where}: ${nameText(link.issuer)}`;
}

/** Makes a check of a chain whose signatures hold; of any other there is nothing to say that `chain` does not say. */
function ofChain(subject: Subject, check: (chain: WholeChain) => ReportFinding): ReportFinding {
  const missing = missingLink(subject);
  const { leaf, chain } = subject;
  if (missing !== undefined || leaf === undefined || !chain?.intermediate || !chain.root) {
    return notApplicable(`the chain is not whole: ${missing} was not given`);
  }
  if (brokenLinks(subject).length > 0) return notApplicable('the signatures of the chain do not hold');
  return check({ leaf, intermediate: chain.intermediate.certificate, root: chain.root.certificate });
}

/** Links whose signature does not hold. */
function brokenLinks({ leaf, chain }: Subject): string[] {
  const { intermediate, root, rootSelfSigned } = chain ?? {};
  return [
    ...(intermediate?.signs === false ? [`${leaf?.where} by ${intermediate.certificate.where}`] : []),
    ...(root?.signs === false ? [`${intermediate?.certificate.where} by ${root.certificate.where}`] : []),
    ...(root !== undefined && !rootSelfSigned ? [`${root.certificate.where} by itself`] : []),
  ];
}

const SCHEME = `RSA-PSS, SHA-384, salt ${PSS_SALT_BYTES}`;

/** Do the signatures hold, from the leaf to the root? */
export function chainSignatures(subject: Subject): ReportFinding {
  const broken = brokenLinks(subject);
  if (broken.length > 0) return failed(`signatures of the chain do not hold`, SCHEME, `broken: ${broken.join('; ')}`);
  const missing = missingLink(subject);
  if (missing !== undefined) return { ...notApplicable(`${missing} was not given`), lacks: missing };
  const { leaf, chain } = subject;
  const links = [leaf, chain?.intermediate?.certificate, chain?.root?.certificate].map((link) => link?.where);
  return passed(`signed one by the next: ${links.join(', ')}`, SCHEME);
}

/** Is the root's key a pinned one? */
export function rootPinned({ chain, input }: Subject): ReportFinding {
  const pinned = input.anchors.map(({ spkiSha256 }) => spkiSha256).join(' or ');
  if (chain?.root === undefined || chain.rootDigest === undefined) {
    return { ...notApplicable('there is no root', pinned), lacks: 'the root of the chain' };
  }
  if (chain.anchor === undefined) {
    return failed(`the key of ${chain.root.certificate.where} is not one of a trusted root`, pinned, chain.rootDigest);
  }
  const { chainName, organization } = chain.anchor;
  return passed(`the key of ARK-${chainName} of ${organization}`, chain.anchor.spkiSha256, chain.rootDigest);
}

/** The attributes of a name but for its common names. */
function withoutCommonName(name: string): string {
  return name
    .split('\n')
    .filter((part) => !part.startsWith('CN='))
    .join('\n');
}

/** Do subjects and issuers name the roles that AMD's chains have? */
export function certificateNames(subject: Subject): ReportFinding {
  return ofChain(subject, ({ leaf, intermediate, root }) => {
    const { chain } = subject;
    if (chain?.anchor === undefined) return notApplicable('the root is not trusted, so that no names can be expected');
    const { chainName, organization } = chain.anchor;
    const expected = {
      root: `ARK-${chainName}`,
      intermediate: leaf.kind === 'VLEK' ? `SEV-VLEK-${chainName}` : `SEV-${chainName}`,
      leaf: `SEV-${leaf.kind}`,
    };
    const rest = withoutCommonName(root.subject);
    const wrong = [
      ...Object.entries({ root, intermediate, leaf })
        .filter(([role, { subject: name }]) => nameAttribute(name, 'CN') !== expected[role as keyof typeof expected])
        .map(([, { subject: name }]) => nameText(name)),
      ...[root.issuer, intermediate.subject, intermediate.issuer, leaf.subject, leaf.issuer]
        .filter((name) => withoutCommonName(name) !== rest)
        .map(nameText),
      ...(nameAttribute(root.subject, 'O') === organization ? [] : [nameText(root.subject)]),
      ...(root.issuerDer === root.subjectDer ? [] : [`root issued by ${nameText(root.issuer)}`]),
    ];
    const wanted = `${expected.leaf}, ${expected.intermediate}, ${expected.root} of ${organization}`;
    return wrong.length > 0
      ? failed('the names of the chain are not those of their roles', wanted, wrong.join('; '))
      : passed('subjects and issuers are those of their roles', wanted);
  });
}

const RSA_BITS = 4096;
const RSA_EXPONENT = 65537n;

function keyTrouble(certificate: Certificate, kind: 'rsa' | 'ec'): string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = certificate.publicKey;
  const suits =
    kind === 'ec'
      ? isP384(certificate)
      : type === 'rsa' && details.modulusLength === RSA_BITS && details.publicExponent === RSA_EXPONENT;
  const size = details.namedCurve ?? `${details.modulusLength ?? ''} e ${details.publicExponent ?? ''}`;
  return suits ? [] : [`${certificate.where}: key ${type} ${size}`];
}

function schemeTrouble({ where, structure, details }: Certificate): string[] {
  const { name, hash, saltBytes } = details().scheme;
  const stated = `${name}, ${hash}, salt ${saltBytes}`;
  const [, inner] = structure.fields;
  return [
    ...(stated === SCHEME ? [] : [`${where}: ${quoted(stated)}`]),
    ...(Buffer.compare(inner?.whole ?? new Uint8Array(), structure.algorithm) === 0
      ? []
      : [`${where}: the algorithm beside the signature is not the one under it`]),
  ];
}

/** Are keys and signatures of the kinds that AMD uses? */
export function certificateAlgorithms(subject: Subject): ReportFinding {
  return ofChain(subject, ({ leaf, intermediate, root }) => {
    const wrong = [
      ...[leaf, intermediate, root].flatMap(schemeTrouble),
      ...keyTrouble(leaf, 'ec'),
      ...[intermediate, root].flatMap((issuer) => keyTrouble(issuer, 'rsa')),
    ];
    const expected = `signatures ${SCHEME}; keys RSA ${RSA_BITS} e ${RSA_EXPONENT} above EC P-384`;
    return wrong.length > 0
      ? failed('an algorithm is not one that AMD uses', expected, wrong.join('; '))
      : passed('keys and signatures are of the kinds that AMD uses', expected);
  });
}

/** Extensions that may be critical, for they are looked at. Source: RFC 5280, sections 4.2.1.3 and 4.2.1.9. */
const UNDERSTOOD = ['2.5.29.15', '2.5.29.19'];

function issuerTrouble({ where, details }: Certificate, pathLengths: readonly (number | null)[]): string[] {
  const { constraints, usages } = details();
  if (constraints?.ca !== true) return [`${where}: not a CA`];
  return [
    ...(pathLengths.includes(constraints.pathLength) ? [] : [`${where}: path length ${constraints.pathLength}`]),
    ...(usages?.signsCertificates === true ? [] : [`${where}: its key may not sign certificates`]),
  ];
}

/** May the issuers issue, and the leaf not? */
export function certificateConstraints(subject: Subject): ReportFinding {
  return ofChain(subject, ({ leaf, intermediate, root }) => {
    const wrong = [
      ...issuerTrouble(root, [null, 1]),
      ...issuerTrouble(intermediate, [0]),
      ...(leaf.details().constraints?.ca === true ? [`${leaf.where}: a CA`] : []),
      ...[root, intermediate, leaf].flatMap(({ where, details }) =>
        details()
          .extensions.filter(({ critical, oid }) => critical && !UNDERSTOOD.includes(oid))
          .map(({ oid }) => `${where}: critical extension ${oid} is not known`),
      ),
    ];
    const expected = 'root: CA; intermediate: CA of path length 0; leaf: no CA';
    return wrong.length > 0
      ? failed('a certificate is not fit for its role', expected, wrong.join('; '))
      : passed('CA flags, path lengths and key usages are those of their roles', expected);
  });
}

const dayTime = (date: Date): string => date.toISOString().replace('.000Z', 'Z');

/** Is the moment of verification within the dates of every certificate? */
export function certificateValidity(subject: Subject): ReportFinding {
  const missing = missingLink(subject);
  const { leaf, chain, input } = subject;
  const given = [leaf, chain?.intermediate?.certificate, chain?.root?.certificate].filter((link) => link !== undefined);
  const dates = ({ where, notBefore, notAfter }: Certificate): string =>
    `${where}: ${dayTime(notBefore)} to ${dayTime(notAfter)}`;
  const wrong = given.filter((certificate) => !validAt(certificate, input.now));
  const expected = dayTime(input.now);
  const ended = wrong.map(({ notAfter }) => (notAfter < input.now ? 'has expired' : 'is not valid yet'));
  if (wrong.length > 0) {
    return failed(`a certificate ${[...new Set(ended)].join(', another ')}`, expected, wrong.map(dates).join('; '));
  }
  if (missing !== undefined) return { ...notApplicable(`${missing} was not given`, expected), lacks: missing };
  return passed('valid at the moment of verification', expected, given.map(dates).join('; '));
}

/** Is there a list of revoked certificates, signed by the root and fresh? */
export function crlFresh(subject: Subject): ReportFinding {
  const { crl, input } = subject;
  if (crl === undefined) {
    const reason = notApplicable('no list of revoked certificates was given');
    return input.revocation === 'required' ? { ...reason, lacks: "the root's list of revoked certificates" } : reason;
  }
  return ofChain(subject, ({ root }) => {
    const { where } = crl.crl;
    if (!crl.signs) return failed(`the key of ${root.where} did not sign the list ${where}`);
    if (root.details().usages?.signsLists !== true) return failed(`the key of ${root.where} may not sign lists`);
    const { thisUpdate, nextUpdate, scheme } = crl.crl.details();
    const expected = dayTime(input.now);
    if (`${scheme.name}, ${scheme.hash}, salt ${scheme.saltBytes}` !== SCHEME) {
      return failed(`${where} names another algorithm than AMD uses`, SCHEME, quoted(JSON.stringify(scheme)));
    }
    if (nextUpdate === null) return failed(`${where} does not say when the next list is due`, expected);
    const observed = `${dayTime(thisUpdate)} to ${dayTime(nextUpdate)}`;
    if (input.now < thisUpdate) return failed(`${where} is not valid yet`, expected, observed);
    if (input.now > nextUpdate) return failed(`${where} is stale: a newer list was due`, expected, observed);
    return passed(`${where} is signed by the root and fresh`, expected, observed);
  });
}

/** Is no certificate of the chain revoked? */
export function notRevoked(subject: Subject): ReportFinding {
  const { crl } = subject;
  if (crl === undefined) return notApplicable('no list of revoked certificates was given');
  if (!crl.signs) return notApplicable(`the root did not sign the list ${crl.crl.where}`);
  return ofChain(subject, ({ intermediate, root }) => {
    const { revokedSerials } = crl.crl.details();
    // Leaves all have the serial number 0, so that no list can name one: AMD revokes them by their TCB.
    const revoked = [intermediate, root].filter(({ serialNumber }) => revokedSerials.includes(serialNumber));
    const expected = `not ${[intermediate, root].map(({ serialNumber }) => `0x${serialNumber}`).join(' or ')}`;
    const observed =
      revokedSerials.length === 0 ? 'none' : quoted(revokedSerials.map((serial) => `0x${serial}`).join(', '));
    return revoked.length > 0
      ? failed(`revoked: ${revoked.map(({ where }) => where).join(', ')}`, expected, observed)
      : passed('no certificate of the chain is revoked', expected, observed);
  });
}
