import { randomBytes } from 'node:crypto';
import { FIRMWARE_STATUS, type FirmwareStatus } from '../abi/firmware-status.ts';
import { type Answer, honest } from './faults.ts';
import { type GuestContext, stateStatus } from './guest-context.ts';
import { ANNOUNCED_POLICY_BITS, announcedMask, CONDITIONAL_POLICY_BITS, hasApi, type Platform } from './platform.ts';

/** Bits of the guest policy. Source: AMD 56860, guest policy. */
const POLICY = { SMT: 1n << 16n, RESERVED_ONE: 1n << 17n, SINGLE_SOCKET: 1n << 20n } as const;
/** The bits that every SNP firmware knows, ABI version included. */
const BASE_BITS = (1n << 21n) - 1n;

/** May this platform launch a guest of this policy? All that is wrong with it has one status. */
function policyIsMet(platform: Platform, policy: bigint): boolean {
  const has = (bit: bigint): boolean => (policy & bit) !== 0n;
  const wanted = { apiMajor: Number((policy >> 8n) & 0xffn), apiMinor: Number(policy & 0xffn) };
  const asked = CONDITIONAL_POLICY_BITS.filter((name) => has(1n << ANNOUNCED_POLICY_BITS[name]));
  return (
    has(POLICY.RESERVED_ONE) &&
    (has(POLICY.SMT) || !platform.smtEnabled) &&
    hasApi(platform, wanted) &&
    !has(~(BASE_BITS | announcedMask(platform))) &&
    asked.every((name) => platform.meets.includes(name))
  );
}

/**
 * SNP_LAUNCH_START, in the firmware's order of checks. No migration agent is ever named: KVM has none.
 * @param answer what the firmware says in place of its own status, for planted faults
 * Source: AMD 56860, SNP_LAUNCH_START
 */
export function launchStart(guest: GuestContext, platform: Platform, policy: bigint, answer: Answer = honest): number {
  const state = stateStatus(guest, 'init');
  const refused = policyIsMet(platform, policy) ? FIRMWARE_STATUS.SUCCESS : FIRMWARE_STATUS.POLICY_FAILURE;
  const status = answer(state === FIRMWARE_STATUS.SUCCESS ? refused : state);
  if (status !== FIRMWARE_STATUS.SUCCESS) return status;
  guest.policy = policy;
  guest.vmpcks = [0, 1, 2, 3].map(() => new Uint8Array(randomBytes(32)));
  guest.reportId = new Uint8Array(randomBytes(32));
  guest.state = 'launch';
  return status;
}

/**
 * SNP_ACTIVATE: binds a guest to an ASID. Here, not at the start, a policy of one socket is looked at.
 * Source: AMD 56860, SNP_ACTIVATE
 */
export function activate(guest: GuestContext, platform: Platform, asid: number, answer: Answer = honest): number {
  const own = (): FirmwareStatus => {
    const state = stateStatus(guest, 'launch');
    if (state !== FIRMWARE_STATUS.SUCCESS) return state;
    const oneSocketOnly = (guest.policy & POLICY.SINGLE_SOCKET) !== 0n;
    return oneSocketOnly && platform.sockets > 1 ? FIRMWARE_STATUS.POLICY_FAILURE : FIRMWARE_STATUS.SUCCESS;
  };
  const status = answer(own());
  if (status === FIRMWARE_STATUS.SUCCESS) guest.asid = asid;
  return status;
}
