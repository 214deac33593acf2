import { randomBytes } from 'node:crypto';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import type { GuestContext } from './guest-context.ts';
import type { Platform } from './platform.ts';

const POLICY_SMT = 1n << 16n;
const POLICY_RESERVED_ONE = 1n << 17n;
/** Bits 26 and up are reserved in ABI 1.58. Source: AMD 56860, guest policy. */
const POLICY_RESERVED = ~((1n << 26n) - 1n);

/** SNP_LAUNCH_START, in the firmware's order of checks. Source: AMD 56860, SNP_LAUNCH_START. */
export function launchStart(guest: GuestContext, platform: Platform, policy: bigint): FirmwareStatus {
  if (guest.state !== 'init') return FIRMWARE_STATUS.INVALID_GUEST_STATE;
  const minor = Number(policy & 0xffn);
  const major = Number((policy >> 8n) & 0xffn);
  const abiTooOld = major > platform.apiMajor || (major === platform.apiMajor && minor > platform.apiMinor);
  const allowed =
    (policy & POLICY_RESERVED_ONE) !== 0n &&
    (policy & POLICY_RESERVED) === 0n &&
    !(platform.smtEnabled && (policy & POLICY_SMT) === 0n) &&
    !abiTooOld;
  if (!allowed) return FIRMWARE_STATUS.POLICY_FAILURE;
  guest.policy = policy;
  guest.vmpcks = [0, 1, 2, 3].map(() => new Uint8Array(randomBytes(32)));
  guest.reportId = new Uint8Array(randomBytes(32));
  guest.state = 'launch';
  return FIRMWARE_STATUS.SUCCESS;
}
