import { serialiseLayout } from '../../lib/abi/layout.ts';
import { ATTESTATION_REPORT, type AttestationReport, REPORT_SIGNED_BYTES } from '../../lib/abi/report.ts';
import { signMessage } from '../../lib/identity/ecdsa.ts';
import { CHIP_ID, type MadeFor, pair, SHORT_CHIP_ID } from './made-chain.ts';

const MILAN_TCB = 0xdb18_0000_0000_0104n;
const TURIN_TCB = 0x6100_0000_0502_0301n;

/** The fields of a report that the made chain vouches for. */
export function madeFields(madeFor: MadeFor = 'Milan VCEK'): Partial<AttestationReport> {
  const turin = madeFor === 'Turin VCEK';
  const tcb = turin ? TURIN_TCB : MILAN_TCB;
  const chipId = new Uint8Array(64);
  if (madeFor !== 'Milan VLEK') chipId.set(turin ? SHORT_CHIP_ID : CHIP_ID);
  return {
    version: turin ? 5 : 3,
    guestSvn: 7,
    policy: 0x13_0137n,
    familyId: new Uint8Array(16).fill(0xfa),
    imageId: new Uint8Array(16).fill(0x1a),
    vmpl: 1,
    signatureAlgo: 1,
    currentTcb: tcb,
    platformInfo: 0x25n,
    keyInfo: (madeFor === 'Milan VLEK' ? 1 << 2 : 0) | 1,
    reportData: new Uint8Array(64).fill(0xda),
    measurement: new Uint8Array(48).fill(0xee),
    hostData: new Uint8Array(32).fill(0x05),
    idKeyDigest: new Uint8Array(48).fill(0x1d),
    authorKeyDigest: new Uint8Array(48).fill(0xad),
    reportId: new Uint8Array(32).fill(0x1f),
    reportIdMa: new Uint8Array(32).fill(0xff),
    reportedTcb: tcb,
    cpuidFamId: turin ? 0x1a : 0x19,
    cpuidModId: turin ? 2 : 1,
    cpuidStep: 1,
    chipId,
    committedTcb: tcb,
    currentBuild: 29,
    currentMinor: 55,
    currentMajor: 1,
    committedBuild: 29,
    committedMinor: 55,
    committedMajor: 1,
    launchTcb: tcb,
    ...(turin ? { launchMitVector: 0x3n, currentMitVector: 0x7n } : {}),
  };
}

/** A report of these fields, signed by the made leaf's key. @param change made to the bytes before they are signed */
export function signedReport(
  fields: Partial<AttestationReport>,
  change: (bytes: Uint8Array) => void = () => undefined,
  signer = pair('leaf', 'p384').privateKey,
): Uint8Array {
  const bytes = serialiseLayout(ATTESTATION_REPORT, fields, 'report');
  change(bytes);
  bytes.set(signMessage(bytes.subarray(0, REPORT_SIGNED_BYTES), signer, 'VCEK'), REPORT_SIGNED_BYTES);
  return bytes;
}
