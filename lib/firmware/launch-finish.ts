import { sha384 } from '@noble/hashes/sha2.js';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { ALGO_ECDSA_P384_SHA384, ID_AUTH } from '../abi/id-auth.ts';
import { ID_BLOCK } from '../abi/id-block.ts';
import { parseLayout } from '../abi/layout.ts';
import { type Answer, honest } from './faults.ts';
import { type GuestContext, stateStatus } from './guest-context.ts';
import { keyIsUsable, signatureHolds } from './signatures.ts';

/** What SNP_LAUNCH_FINISH is given. */
export interface LaunchFinish {
  /** 96 and 4096 bytes; null: ID_BLOCK_EN is 0. */
  idBlock: Uint8Array | null;
  idAuth: Uint8Array | null;
  authorKeyEnabled: boolean;
  vcekDisabled: boolean;
  /** 32 bytes. */
  hostData: Uint8Array;
}

const equalBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** The ID block checks, in the firmware's own order; the first that fails is the answer. */
function checkIdBlock(guest: GuestContext, finish: LaunchFinish): FirmwareStatus {
  if (finish.idBlock === null || finish.idAuth === null) return FIRMWARE_STATUS.SUCCESS;
  const block = parseLayout(ID_BLOCK, finish.idBlock, 'ID block');
  const auth = parseLayout(ID_AUTH, finish.idAuth, 'ID auth', { reserved: 'keep' });
  if (!equalBytes(block.launchDigest, guest.launchDigest)) return FIRMWARE_STATUS.BAD_MEASUREMENT;
  if (block.policy !== guest.policy) return FIRMWARE_STATUS.POLICY_FAILURE;
  if (auth.idKeyAlgo !== ALGO_ECDSA_P384_SHA384) return FIRMWARE_STATUS.INVALID_PARAM;
  if (finish.authorKeyEnabled && auth.authKeyAlgo !== ALGO_ECDSA_P384_SHA384) return FIRMWARE_STATUS.INVALID_PARAM;
  if (!keyIsUsable(auth.idKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!signatureHolds(auth.idBlockSig, finish.idBlock, auth.idKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!finish.authorKeyEnabled) return FIRMWARE_STATUS.SUCCESS;
  if (!keyIsUsable(auth.authorKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  if (!signatureHolds(auth.idKeySig, auth.idKey, auth.authorKey)) return FIRMWARE_STATUS.BAD_SIGNATURE;
  return FIRMWARE_STATUS.SUCCESS;
}

/** Everything that the firmware looks at before it lets the guest run, in its order. */
function finishStatus(guest: GuestContext, finish: LaunchFinish): FirmwareStatus {
  const state = stateStatus(guest, 'launch');
  if (state !== FIRMWARE_STATUS.SUCCESS) return state;
  if (guest.asid === null) return FIRMWARE_STATUS.INACTIVE;
  return checkIdBlock(guest, finish);
}

/**
 * SNP_LAUNCH_FINISH: checks the ID block and lets the guest run. On failure the guest stays in launch.
 * @param answer what the firmware says in place of its own status, for planted faults
 * Source: AMD 56860, SNP_LAUNCH_FINISH
 */
export function launchFinish(guest: GuestContext, finish: LaunchFinish, answer: Answer = honest): number {
  const status = answer(finishStatus(guest, finish));
  if (status !== FIRMWARE_STATUS.SUCCESS) return status;
  if (finish.idBlock !== null && finish.idAuth !== null) {
    const block = parseLayout(ID_BLOCK, finish.idBlock, 'ID block');
    const auth = parseLayout(ID_AUTH, finish.idAuth, 'ID auth', { reserved: 'keep' });
    guest.idBlock = { familyId: block.familyId, imageId: block.imageId, guestSvn: block.guestSvn };
    guest.idKeyDigest = sha384(auth.idKey);
    if (finish.authorKeyEnabled) guest.authorKeyDigest = sha384(auth.authorKey);
  }
  guest.authorKeyEnabled = finish.authorKeyEnabled;
  guest.vcekDisabled = finish.vcekDisabled;
  guest.hostData = Uint8Array.from(finish.hostData);
  guest.state = 'running';
  return status;
}
