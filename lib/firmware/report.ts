import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { GUEST_MESSAGE_TYPE, REPORT_REQUEST, REPORT_RESPONSE } from '../abi/guest-message.ts';
import { ALGO_ECDSA_P384_SHA384 } from '../abi/id-auth.ts';
import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT, REPORT_SIGNED_BYTES } from '../abi/report.ts';
import type { GuestContext } from './guest-context.ts';
import { messageHeader, openMessage, sealMessage } from './guest-message.ts';
import { type Platform, platformInfo } from './platform.ts';
import { signMessage } from './signatures.ts';

/** The report version that firmware of ABI 1.55 writes once it knows the CPUID fields. */
const REPORT_VERSION = 3;
const KEY_SELECT_INVALID = 3;

/** An emulated chip: its platform and its VCEK, a P-384 secret of 48 bytes that no hardware ever held. */
export interface Chip {
  platform: Platform;
  vcek: Uint8Array;
}

function signedReport(guest: GuestContext, chip: Chip, reportData: Uint8Array, vmpl: number): Uint8Array {
  const { platform } = chip;
  const version = { build: platform.build, minor: platform.apiMinor, major: platform.apiMajor };
  const report = serialiseLayout(
    ATTESTATION_REPORT,
    {
      version: REPORT_VERSION,
      guestSvn: guest.idBlock?.guestSvn ?? 0,
      policy: guest.policy,
      familyId: guest.idBlock?.familyId ?? new Uint8Array(16),
      imageId: guest.idBlock?.imageId ?? new Uint8Array(16),
      vmpl,
      signatureAlgo: ALGO_ECDSA_P384_SHA384,
      currentTcb: platform.tcb,
      platformInfo: platformInfo(platform),
      keyInfo: guest.authorKeyEnabled ? 1 : 0,
      reportData,
      measurement: guest.launchDigest,
      hostData: guest.hostData,
      idKeyDigest: guest.idKeyDigest,
      authorKeyDigest: guest.authorKeyDigest,
      reportId: guest.reportId,
      reportIdMa: new Uint8Array(32).fill(0xff),
      reportedTcb: platform.tcb,
      cpuidFamId: platform.cpuid.family,
      cpuidModId: platform.cpuid.model,
      cpuidStep: platform.cpuid.stepping,
      chipId: platform.chipId,
      committedTcb: platform.tcb,
      currentBuild: version.build,
      currentMinor: version.minor,
      currentMajor: version.major,
      committedBuild: version.build,
      committedMinor: version.minor,
      committedMajor: version.major,
      launchTcb: platform.tcb,
    },
    'ATTESTATION_REPORT',
  );
  const { r, s } = signMessage(report.subarray(0, REPORT_SIGNED_BYTES), chip.vcek);
  report.set(r, REPORT_SIGNED_BYTES);
  report.set(s, REPORT_SIGNED_BYTES + r.length);
  return report;
}

function reportResponse(guest: GuestContext, chip: Chip, payload: Uint8Array): Uint8Array {
  const refused = (status: number): Uint8Array => serialiseLayout(REPORT_RESPONSE, { status }, 'MSG_REPORT_RSP');
  if (payload.length !== sizeOf(REPORT_REQUEST)) return refused(FIRMWARE_STATUS.INVALID_PARAM);
  const request = parseLayout(REPORT_REQUEST, payload, 'MSG_REPORT_REQ', { reserved: 'keep' });
  if (request.vmpl > 3) return refused(FIRMWARE_STATUS.INVALID_PARAM);
  if (request.keySelect >= KEY_SELECT_INVALID || guest.vcekDisabled) return refused(FIRMWARE_STATUS.INVALID_KEY);
  const report = signedReport(guest, chip, request.reportData, request.vmpl);
  return serialiseLayout(REPORT_RESPONSE, { status: 0, reportSize: report.length, report }, 'MSG_REPORT_RSP');
}

/**
 * SNP_GUEST_REQUEST: an encrypted message of the guest, answered by another.
 * @returns the sealed answer, or the status with which the command itself fails
 * Source: AMD 56860, SNP_GUEST_REQUEST
 */
export function guestRequest(
  guest: GuestContext,
  chip: Chip,
  sealed: Uint8Array,
): Uint8Array | { status: FirmwareStatus } {
  if (guest.state !== 'running') return { status: FIRMWARE_STATUS.INVALID_GUEST_STATE };
  const header = messageHeader(sealed);
  const key = header === undefined ? undefined : guest.vmpcks[header.vmpck];
  if (header === undefined || key === undefined) return { status: FIRMWARE_STATUS.INVALID_PARAM };
  const message = openMessage(sealed, key);
  if (message === undefined) return { status: FIRMWARE_STATUS.BAD_MEASUREMENT };
  const count = guest.messageCounts[header.vmpck] ?? 0n;
  if (message.sequence !== count + 1n) return { status: FIRMWARE_STATUS.AEAD_OFLOW };
  if (message.type !== GUEST_MESSAGE_TYPE.REPORT_REQ || message.version !== 1)
    return { status: FIRMWARE_STATUS.INVALID_PARAM };
  guest.messageCounts[header.vmpck] = count + 2n;
  const payload = reportResponse(guest, chip, message.payload);
  return sealMessage(
    { sequence: count + 2n, type: GUEST_MESSAGE_TYPE.REPORT_RSP, version: 1, vmpck: header.vmpck, payload },
    key,
  );
}
