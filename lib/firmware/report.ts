import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { GUEST_MESSAGE_TYPE, REPORT_REQUEST, REPORT_RESPONSE } from '../abi/guest-message.ts';
import { ALGO_ECDSA_P384_SHA384 } from '../abi/id-auth.ts';
import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT, REPORT_SIGNED_BYTES } from '../abi/report.ts';
import type { Chip } from './chip.ts';
import type { GuestContext } from './guest-context.ts';
import { messageHeader, openMessage, sealMessage } from './guest-message.ts';
import { type Platform, platformInfo } from './platform.ts';
import { signMessage } from './signatures.ts';

/** KEY_SEL of MSG_REPORT_REQ. Source: AMD 56860, MSG_REPORT_REQ. */
const KEY_SELECT = { vlekElseVcek: 0, vcek: 1, vlek: 2 } as const;
/** SIGNING_KEY in the key information of a report. Source: AMD 56860, ATTESTATION_REPORT. */
const SIGNING_KEY = { VCEK: 0, VLEK: 1, none: 7 } as const;

/** The key that signs a report; `none`: the chip's key is masked, and the signature stays zero. */
type Signer = { kind: 'VCEK' | 'VLEK'; secret: Uint8Array } | { kind: 'none' };

/** Chooses the signing key; undefined where the one that is asked for is not there. Source: AMD 56860, MSG_REPORT_REQ. */
function signerOf(guest: GuestContext, { platform, vcek, vlek }: Chip, keySelect: number): Signer | undefined {
  const wantsVlek = keySelect === KEY_SELECT.vlek || (keySelect === KEY_SELECT.vlekElseVcek && vlek !== null);
  if (wantsVlek) return vlek === null ? undefined : { kind: 'VLEK', secret: vlek.key(platform.reportedTcb) };
  const known = keySelect === KEY_SELECT.vcek || keySelect === KEY_SELECT.vlekElseVcek;
  if (!known || guest.vcekDisabled) return undefined;
  return platform.chipKeyMasked ? { kind: 'none' } : { kind: 'VCEK', secret: vcek(platform.reportedTcb) };
}

/** Fields that came with later versions; before, their bytes are zero. */
function laterFields({ reportVersion, cpuid, mitigations }: Platform) {
  return {
    ...(reportVersion >= 3 ? { cpuidFamId: cpuid.family, cpuidModId: cpuid.model, cpuidStep: cpuid.stepping } : {}),
    ...(reportVersion >= 5 ? { launchMitVector: mitigations, currentMitVector: mitigations } : {}),
  };
}

function keyInfo(guest: GuestContext, platform: Platform, signer: Signer): number {
  return (guest.authorKeyEnabled ? 1 : 0) | (platform.chipKeyMasked ? 1 << 1 : 0) | (SIGNING_KEY[signer.kind] << 2);
}

/** What a guest asks for. */
interface ReportRequest {
  reportData: Uint8Array;
  vmpl: number;
}

function signedReport(guest: GuestContext, platform: Platform, signer: Signer, request: ReportRequest): Uint8Array {
  const version = { build: platform.build, minor: platform.apiMinor, major: platform.apiMajor };
  const report = serialiseLayout(
    ATTESTATION_REPORT,
    {
      version: platform.reportVersion,
      guestSvn: guest.idBlock?.guestSvn ?? 0,
      policy: guest.policy,
      familyId: guest.idBlock?.familyId ?? new Uint8Array(16),
      imageId: guest.idBlock?.imageId ?? new Uint8Array(16),
      vmpl: request.vmpl,
      signatureAlgo: ALGO_ECDSA_P384_SHA384,
      currentTcb: platform.tcb,
      platformInfo: platformInfo(platform),
      keyInfo: keyInfo(guest, platform, signer),
      reportData: request.reportData,
      measurement: guest.launchDigest,
      hostData: guest.hostData,
      idKeyDigest: guest.idKeyDigest,
      authorKeyDigest: guest.authorKeyDigest,
      reportId: guest.reportId,
      reportIdMa: new Uint8Array(32).fill(0xff),
      reportedTcb: platform.reportedTcb,
      ...laterFields(platform),
      chipId: platform.chipIdMasked ? new Uint8Array(platform.chipId.length) : platform.chipId,
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
  if (signer.kind === 'none') return report;
  const { r, s } = signMessage(report.subarray(0, REPORT_SIGNED_BYTES), signer.secret);
  report.set(r, REPORT_SIGNED_BYTES);
  report.set(s, REPORT_SIGNED_BYTES + r.length);
  return report;
}

function reportResponse(guest: GuestContext, chip: Chip, payload: Uint8Array): Uint8Array {
  const refused = (status: number): Uint8Array => serialiseLayout(REPORT_RESPONSE, { status }, 'MSG_REPORT_RSP');
  if (payload.length !== sizeOf(REPORT_REQUEST)) return refused(FIRMWARE_STATUS.INVALID_PARAM);
  const request = parseLayout(REPORT_REQUEST, payload, 'MSG_REPORT_REQ', { reserved: 'keep' });
  if (request.vmpl > 3) return refused(FIRMWARE_STATUS.INVALID_PARAM);
  const signer = signerOf(guest, chip, request.keySelect);
  if (signer === undefined) return refused(FIRMWARE_STATUS.INVALID_KEY);
  const report = signedReport(guest, chip.platform, signer, request);
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
