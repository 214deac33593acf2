import { FIRMWARE_STATUS } from '../../abi/firmware-status.ts';
import { serialiseLayout } from '../../abi/layout.ts';
import { SNP_PLATFORM_STATUS, SNP_STATE_INITIALISED, SNP_STATUS_BITS } from '../../abi/snp-platform-status.ts';
import type { Platform } from '../platform.ts';
import { type Answer, type Caller, ERRNO, type Ioctl } from '../relay.ts';
import type { EmulatedKernel } from './sev-commands.ts';

/** Commands of /dev/sev that QEMU and a preflight use. Source: Linux include/uapi/linux/psp-sev.h. */
const COMMAND = { PLATFORM_STATUS: 1, PDH_CERT_EXPORT: 5, GET_ID2: 8, SNP_PLATFORM_STATUS: 9 } as const;
const PLATFORM_INITIALISED = 1;
/** Sizes of the legacy certificates that an SNP launch never uses. */
const PDH_BYTES = 2084;
const CHAIN_BYTES = 3 * 2084;
const ID_BYTES = 128;

function statusFlags({ chipIdMasked, chipKeyMasked, vlekLoaded }: Platform): number {
  return (
    (chipIdMasked ? SNP_STATUS_BITS.maskChipId : 0) |
    (chipKeyMasked ? SNP_STATUS_BITS.maskChipKey : 0) |
    (vlekLoaded ? SNP_STATUS_BITS.vlekEnabled : 0)
  );
}

/** SEV_ISSUE_CMD on /dev/sev. */
export async function issueSevCommand(
  call: Ioctl,
  caller: Caller,
  kernel: Pick<EmulatedKernel, 'platform' | 'faults'>,
): Promise<Answer> {
  const { platform, faults } = kernel;
  const issue = Buffer.from(call.input);
  const data = issue.readBigUInt64LE(4);
  const fail = (status: number): Answer => {
    const error = Buffer.alloc(4);
    error.writeUInt32LE(status);
    caller.poke(call.argument + 12n, error);
    return { errno: ERRNO.EIO };
  };
  switch (issue.readUInt32LE(0)) {
    case COMMAND.PLATFORM_STATUS: {
      const said = faults.answer('SEV_PLATFORM_STATUS')(FIRMWARE_STATUS.SUCCESS);
      if (said !== FIRMWARE_STATUS.SUCCESS) return fail(said);
      const status = Buffer.alloc(12);
      status.set([platform.apiMajor, platform.apiMinor, PLATFORM_INITIALISED]);
      status.writeUInt8(platform.build, 7);
      caller.poke(data, status);
      return { result: 0 };
    }
    case COMMAND.PDH_CERT_EXPORT: {
      const request = Buffer.from(await caller.peek(data, 24));
      const room = { pdh: request.readUInt32LE(8), chain: request.readUInt32LE(20) };
      request.writeUInt32LE(PDH_BYTES, 8);
      request.writeUInt32LE(CHAIN_BYTES, 20);
      caller.poke(data, request);
      if (room.pdh < PDH_BYTES || room.chain < CHAIN_BYTES) return fail(FIRMWARE_STATUS.INVALID_LENGTH);
      caller.poke(request.readBigUInt64LE(0), new Uint8Array(PDH_BYTES));
      caller.poke(request.readBigUInt64LE(12), new Uint8Array(CHAIN_BYTES));
      return { result: 0 };
    }
    case COMMAND.GET_ID2: {
      const request = Buffer.from(await caller.peek(data, 12));
      const room = request.readUInt32LE(8);
      request.writeUInt32LE(ID_BYTES, 8);
      caller.poke(data, request);
      if (room < ID_BYTES) return fail(FIRMWARE_STATUS.INVALID_LENGTH);
      caller.poke(request.readBigUInt64LE(0), new Uint8Array(ID_BYTES));
      return { result: 0 };
    }
    case COMMAND.SNP_PLATFORM_STATUS: {
      const status = {
        apiMajor: platform.apiMajor,
        apiMinor: platform.apiMinor,
        state: SNP_STATE_INITIALISED,
        rmpFlags: SNP_STATUS_BITS.rmpInitialised,
        build: platform.build,
        flags: statusFlags(platform),
        guestCount: 0,
        currentTcb: platform.tcb,
        reportedTcb: platform.reportedTcb,
      };
      caller.poke(data, serialiseLayout(SNP_PLATFORM_STATUS, status, 'SNP_PLATFORM_STATUS'));
      return { result: 0 };
    }
    default:
      return fail(FIRMWARE_STATUS.INVALID_COMMAND);
  }
}
