import {
  certificateAlgorithms,
  certificateConstraints,
  certificateNames,
  certificateValidity,
  chainSignatures,
  crlFresh,
  notRevoked,
  rootPinned,
} from './chain-checks.ts';
import type { ReportCheckRow } from './check-row.ts';
import { leafChip, leafExtensions, leafProduct, leafTcb, product, structVersion } from './leaf-checks.ts';
import { reservedBytes, signature, signatureAlgo, signatureForm, signingKey, version } from './report-form-checks.ts';

const REPORT = 'AMD 56860, ATTESTATION_REPORT structure';
const SIGNATURE = 'AMD 56860, format of an ECDSA P-384 signature';
const KDS = 'AMD 57230, key distribution service';
const X509 = 'RFC 5280';

/** The checks of the first question: is the report genuine? */
export const GENUINE_CHECKS = [
  { name: 'version', layer: 'genuine', claim: 'VERSION is known', source: REPORT, run: version },
  {
    name: 'reserved-bytes',
    layer: 'genuine',
    claim: 'bytes that must be zero are, also in the key information and behind the signature',
    source: REPORT,
    run: reservedBytes,
  },
  { name: 'signature-algo', layer: 'genuine', claim: 'SIGNATURE_ALGO is 1', source: REPORT, run: signatureAlgo },
  {
    name: 'signature-form',
    layer: 'genuine',
    claim: 'R and S are within the order of P-384, zeros after them',
    source: SIGNATURE,
    run: signatureForm,
  },
  {
    name: 'signing-key',
    layer: 'genuine',
    claim: 'SIGNING_KEY is VCEK or VLEK, and the certificate is of that kind',
    source: REPORT,
    run: signingKey,
  },
  {
    name: 'signature',
    layer: 'genuine',
    claim: "the certificate's key signed the first 672 bytes as they were received",
    source: SIGNATURE,
    run: signature,
  },
  {
    name: 'chain',
    layer: 'genuine',
    claim:
      'leaf, ASK or ASVK, and ARK are signed one by the next, the ARK by itself, with RSA-PSS, SHA-384 and salt 48',
    source: KDS,
    run: chainSignatures,
  },
  { name: 'root', layer: 'genuine', claim: "the ARK's public key is a pinned one", source: KDS, run: rootPinned },
  {
    name: 'certificate-names',
    layer: 'genuine',
    claim: 'subjects and issuers are those of the roles',
    source: KDS,
    run: certificateNames,
  },
  {
    name: 'certificate-algorithms',
    layer: 'genuine',
    claim: 'the keys are P-384 and RSA 4096; the stated algorithms are those of the signatures',
    source: KDS,
    run: certificateAlgorithms,
  },
  {
    name: 'certificate-constraints',
    layer: 'genuine',
    claim: 'CA flags, path length and key usage fit the roles; no critical extension is unknown',
    source: X509,
    run: certificateConstraints,
  },
  {
    name: 'certificate-validity',
    layer: 'genuine',
    claim: 'the moment of verification is within the dates of all three',
    source: X509,
    run: certificateValidity,
  },
  { name: 'crl', layer: 'genuine', claim: 'the ARK signed the list, and it is fresh', source: X509, run: crlFresh },
  {
    name: 'revocation',
    layer: 'genuine',
    claim: 'ASK or ASVK, and ARK, are not listed',
    source: X509,
    run: notRevoked,
  },
  {
    name: 'certificate-extensions',
    layer: 'genuine',
    claim: "the leaf has AMD's extensions, each of its structVersion exactly once",
    source: KDS,
    run: leafExtensions,
  },
  {
    name: 'certificate-structure',
    layer: 'genuine',
    claim: "structVersion is that of the root's product",
    source: KDS,
    run: structVersion,
  },
  {
    name: 'certificate-product',
    layer: 'genuine',
    claim: "productName is the root's product",
    source: KDS,
    run: leafProduct,
  },
  {
    name: 'product',
    layer: 'genuine',
    claim: "the CPUID fields are of the root's product",
    source: REPORT,
    run: product,
  },
  {
    name: 'certificate-tcb',
    layer: 'genuine',
    claim: 'the SPLs of the leaf are REPORTED_TCB, byte by byte',
    source: KDS,
    run: leafTcb,
  },
  {
    name: 'chip-id',
    layer: 'genuine',
    claim: 'hwID of the VCEK is CHIP_ID, which is not masked',
    source: KDS,
    run: leafChip,
  },
] as const satisfies readonly ReportCheckRow[];
