import { ALGO_ECDSA_P384_SHA384, ECDSA_SIGNATURE } from '../abi/id-auth.ts';
import { parseLayout, reservedViolations } from '../abi/layout.ts';
import { REPORT_SIGNED_BYTES, REPORT_VERSIONS } from '../abi/report.ts';
import { compared, failed, notApplicable, passed } from '../finding.ts';
import { hexNumber } from '../text.ts';
import { isP384, leafWanted, type ReportFinding, type Subject } from './subject.ts';

/** The order of P-384. Source: FIPS 186-5 with SP 800-186, curve P-384. */
const P384_ORDER = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);

/** Is the version one whose fields are known? */
export function version({ report, unreadable }: Subject): ReportFinding {
  const { oldest, newest } = REPORT_VERSIONS;
  const expected = `${oldest} to ${newest}`;
  const observed = String(report.version);
  if (unreadable !== undefined) return failed(unreadable, expected, observed);
  if (report.version > newest) {
    return passed(`version ${report.version} is not known; as allowed, it is read as ${newest}`, expected, observed);
  }
  return passed(`a report of version ${report.version}`, expected, observed);
}

/** Are the bytes zero that must be? */
export function reservedBytes({ report, reserved, keyInfo, unreadable }: Subject): ReportFinding {
  if (unreadable !== undefined) return notApplicable(`${unreadable}, nor which bytes it must leave zero`);
  const bits = keyInfo.unknownBits === 0 ? [] : [`key information bits ${hexNumber(keyInfo.unknownBits)}`];
  const set = [...reserved, ...bits];
  if (set.length === 0) return passed('all bytes that must be zero are', 'zero', 'zero');
  const observed = set.join(', ');
  if (report.version === 4) {
    return notApplicable('version 4 was never published, and sets bytes that are zero in version 5', null, observed);
  }
  return failed('bytes that must be zero are set', 'zero', observed);
}

/** Is the signature of the one known algorithm? */
export function signatureAlgo({ report }: Subject): ReportFinding {
  return compared(hexNumber(ALGO_ECDSA_P384_SHA384), hexNumber(report.signatureAlgo), {
    holds: 'ECDSA P-384 with SHA-384',
    broken: 'SIGNATURE_ALGO is not that of ECDSA P-384 with SHA-384',
  });
}

/** 72 little-endian bytes as a number. */
function scalar(field: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(Uint8Array.from(field).reverse()).toString('hex')}`);
}

/** Can R and S be a signature at all? */
export function signatureForm({ input }: Subject): ReportFinding {
  const signature = input.report.subarray(REPORT_SIGNED_BYTES);
  if (signature.every((byte) => byte === 0)) return failed('the report is not signed: its signature is all zero');
  const { r, s } = parseLayout(ECDSA_SIGNATURE, signature, 'signature', { reserved: 'keep' });
  const outside = Object.entries({ R: scalar(r), S: scalar(s) })
    .filter(([, value]) => value < 1n || value >= P384_ORDER)
    .map(([name, value]) => `${name} ${hexNumber(value)}`);
  const padding = reservedViolations(ECDSA_SIGNATURE, signature);
  const expected = '1 <= R, S < n, and zeros after them';
  if (outside.length + padding.length > 0) {
    return failed('R and S are not a signature on P-384', expected, [...outside, ...padding].join(', '));
  }
  return passed('R and S are within the order of P-384, and zeros follow them', expected);
}

/** Does the report say which key signed it, and is the certificate of that kind? */
export function signingKey({ keyInfo, leaf }: Subject): ReportFinding {
  const claimed = keyInfo.signingKey;
  if (claimed === 'none') return failed('the report says that no key signed it', 'VCEK or VLEK', claimed);
  if (claimed === 'reserved') return failed('SIGNING_KEY has a reserved value', 'VCEK or VLEK', claimed);
  if (leaf === undefined)
    return { ...notApplicable(`no certificate of a ${claimed} was given`, claimed), lacks: claimed };
  return compared(claimed, leaf.kind, {
    holds: `signed by the ${claimed}, whose certificate was given`,
    broken: `the report says that it was signed by a ${claimed}, the certificate is of a ${leaf.kind}`,
  });
}

/** Does the signature hold over the bytes received? */
export function signature(subject: Subject): ReportFinding {
  const { leaf, signatureHolds } = subject;
  if (leaf === undefined) {
    const lacks = leafWanted(subject);
    return { ...notApplicable(`${lacks} was not given`), lacks };
  }
  if (signatureHolds) return passed(`the key of ${leaf.where} signed these bytes`);
  if (!isP384(leaf)) return failed(`the key of ${leaf.where} is not on P-384`);
  return failed(`the key of ${leaf.where} did not sign these bytes: report and certificate do not belong together`);
}
