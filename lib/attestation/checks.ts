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
import { leafChip, leafExtensions, leafProduct, leafTcb, product, structVersion } from './leaf-checks.ts';
import { reservedBytes, signature, signatureAlgo, signatureForm, signingKey, version } from './report-form-checks.ts';
import type { ReportFinding, Subject } from './subject.ts';
import { minTcb, provisional, tcbOrder, tcbUnknown } from './tcb-checks.ts';
import {
  authorKey,
  bytesField,
  cspId,
  firmwareOrder,
  guestSvn,
  idBlock,
  minFirmware,
  mitigations,
  oneOf,
  platformBits,
  platformUnknown,
  policy,
  policyAbi,
  policyBits,
  policyReserved,
  productWanted,
  reportIdMa,
  signingKeyWanted,
  vmpl,
} from './wanted-checks.ts';

/** Whether a report is genuine, and whether it is the one that was wanted, are two questions; no check is of both. */
export type Layer = 'genuine' | 'wanted';

/** One row of the table of checks. */
export interface ReportCheckRow {
  readonly name: string;
  readonly layer: Layer;
  /** What must hold. */
  readonly claim: string;
  /** Where it is written that this must hold. */
  readonly source: string;
  readonly run: (subject: Subject) => ReportFinding;
}

const REPORT = 'AMD 56860, ATTESTATION_REPORT structure';
const TCB = 'AMD 56860, TCB_VERSION structure';
const SIGNATURE = 'AMD 56860, format of an ECDSA P-384 signature';
const KDS = 'AMD 57230, key distribution service';
const X509 = 'RFC 5280';
const OWNER = 'what the caller asked for';

/** Every check, in the order in which they are told. A new check is one entry. */
export const REPORT_CHECKS = [
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

  {
    name: 'report-data',
    layer: 'wanted',
    claim: 'REPORT_DATA',
    source: OWNER,
    run: bytesField('reportData', 'REPORT_DATA'),
  },
  {
    name: 'measurement',
    layer: 'wanted',
    claim: 'MEASUREMENT',
    source: OWNER,
    run: bytesField('measurement', 'MEASUREMENT'),
  },
  { name: 'host-data', layer: 'wanted', claim: 'HOST_DATA', source: OWNER, run: bytesField('hostData', 'HOST_DATA') },
  { name: 'policy', layer: 'wanted', claim: 'POLICY, all of it', source: OWNER, run: policy },
  {
    name: 'policy-set',
    layer: 'wanted',
    claim: 'bits of POLICY that must be set',
    source: OWNER,
    run: policyBits('set'),
  },
  {
    name: 'policy-clear',
    layer: 'wanted',
    claim: 'bits of POLICY that must be clear',
    source: OWNER,
    run: policyBits('clear'),
  },
  { name: 'policy-abi', layer: 'wanted', claim: 'the least firmware API in POLICY', source: OWNER, run: policyAbi },
  {
    name: 'policy-reserved',
    layer: 'wanted',
    claim: 'bit 17 of POLICY is set, and no bit without a meaning; always asked',
    source: 'AMD 56860, guest policy',
    run: policyReserved,
  },
  { name: 'vmpl', layer: 'wanted', claim: 'VMPL', source: OWNER, run: vmpl },
  {
    name: 'id-key-digest',
    layer: 'wanted',
    claim: 'ID_KEY_DIGEST is one of a set',
    source: OWNER,
    run: oneOf('idKeyDigest', (want) => want.idKeyDigests, 'ID_KEY_DIGEST'),
  },
  {
    name: 'author-key-digest',
    layer: 'wanted',
    claim: 'AUTHOR_KEY_DIGEST is one of a set',
    source: OWNER,
    run: oneOf('authorKeyDigest', (want) => want.authorKeyDigests, 'AUTHOR_KEY_DIGEST'),
  },
  { name: 'id-block', layer: 'wanted', claim: 'launched with an ID block', source: OWNER, run: idBlock },
  {
    name: 'author-key',
    layer: 'wanted',
    claim: 'AUTHOR_KEY_EN and AUTHOR_KEY_DIGEST agree, always asked; an author key where one is wanted',
    source: REPORT,
    run: authorKey,
  },
  { name: 'family-id', layer: 'wanted', claim: 'FAMILY_ID', source: OWNER, run: bytesField('familyId', 'FAMILY_ID') },
  { name: 'image-id', layer: 'wanted', claim: 'IMAGE_ID', source: OWNER, run: bytesField('imageId', 'IMAGE_ID') },
  { name: 'guest-svn', layer: 'wanted', claim: 'the least GUEST_SVN', source: OWNER, run: guestSvn },
  { name: 'report-id', layer: 'wanted', claim: 'REPORT_ID', source: OWNER, run: bytesField('reportId', 'REPORT_ID') },
  {
    name: 'report-id-ma',
    layer: 'wanted',
    claim: 'REPORT_ID_MA, or no migration agent',
    source: OWNER,
    run: reportIdMa,
  },
  {
    name: 'chip-id-allowed',
    layer: 'wanted',
    claim: 'CHIP_ID is one of a set',
    source: OWNER,
    run: oneOf('chipId', (want) => want.chipIds, 'CHIP_ID'),
  },
  { name: 'product-wanted', layer: 'wanted', claim: 'the product', source: OWNER, run: productWanted },
  { name: 'signing-key-wanted', layer: 'wanted', claim: 'VCEK or VLEK', source: OWNER, run: signingKeyWanted },
  { name: 'csp-id', layer: 'wanted', claim: "the VLEK's cloud provider", source: OWNER, run: cspId },
  { name: 'min-reported-tcb', layer: 'wanted', claim: 'least REPORTED_TCB', source: OWNER, run: minTcb('reported') },
  { name: 'min-committed-tcb', layer: 'wanted', claim: 'least COMMITTED_TCB', source: OWNER, run: minTcb('committed') },
  { name: 'min-current-tcb', layer: 'wanted', claim: 'least CURRENT_TCB', source: OWNER, run: minTcb('current') },
  { name: 'min-launch-tcb', layer: 'wanted', claim: 'least LAUNCH_TCB', source: OWNER, run: minTcb('launch') },
  {
    name: 'tcb-order',
    layer: 'wanted',
    claim: 'CURRENT_TCB >= COMMITTED_TCB >= REPORTED_TCB in each component; always asked',
    source: TCB,
    run: tcbOrder,
  },
  { name: 'provisional', layer: 'wanted', claim: 'no uncommitted firmware runs', source: OWNER, run: provisional },
  { name: 'tcb-unknown', layer: 'wanted', claim: 'no TCB bytes without a meaning', source: TCB, run: tcbUnknown },
  { name: 'firmware', layer: 'wanted', claim: 'least firmware version', source: OWNER, run: minFirmware('current') },
  {
    name: 'committed-firmware',
    layer: 'wanted',
    claim: 'least committed firmware version',
    source: OWNER,
    run: minFirmware('committed'),
  },
  {
    name: 'firmware-order',
    layer: 'wanted',
    claim: 'the firmware that runs is not older than the committed one; always asked',
    source: REPORT,
    run: firmwareOrder,
  },
  {
    name: 'platform-set',
    layer: 'wanted',
    claim: 'bits of PLATFORM_INFO that must be set',
    source: OWNER,
    run: platformBits('set'),
  },
  {
    name: 'platform-clear',
    layer: 'wanted',
    claim: 'bits of PLATFORM_INFO that must be clear',
    source: OWNER,
    run: platformBits('clear'),
  },
  {
    name: 'platform-unknown',
    layer: 'wanted',
    claim: 'no bits of PLATFORM_INFO without a meaning',
    source: REPORT,
    run: platformUnknown,
  },
  {
    name: 'launch-mitigations',
    layer: 'wanted',
    claim: 'bits of LAUNCH_MIT_VECTOR',
    source: OWNER,
    run: mitigations('launch'),
  },
  {
    name: 'current-mitigations',
    layer: 'wanted',
    claim: 'bits of CURRENT_MIT_VECTOR',
    source: OWNER,
    run: mitigations('current'),
  },
] as const satisfies readonly ReportCheckRow[];
export type ReportCheckName = (typeof REPORT_CHECKS)[number]['name'];

/** Checks without whose pass no report is genuine, whatever the others say. */
export const ESSENTIAL_CHECKS: readonly ReportCheckName[] = [
  'version',
  'signing-key',
  'signature',
  'chain',
  'root',
  'certificate-names',
  'certificate-algorithms',
  'certificate-constraints',
  'certificate-validity',
  'certificate-extensions',
  'certificate-tcb',
];
