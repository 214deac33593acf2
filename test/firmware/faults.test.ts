import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import { describeFault, type Fault, FaultTable } from '../../lib/firmware/faults.ts';
import { createGuest } from '../../lib/firmware/guest-context.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { buildIdAuth } from '../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { generateKeys } from '../../lib/identity/keys.ts';
import { expect, test } from '../support/test.ts';
import { PLAIN_FINISH, PLATFORM, POLICY, page, startedGuest } from './platform.ts';

const { SUCCESS, POLICY_FAILURE, BAD_SIGNATURE, BAD_MEASUREMENT, RESOURCE_LIMIT } = FIRMWARE_STATUS;

function answers(faults: readonly Fault[], own: readonly (0 | 7 | 10 | 11)[]): number[] {
  const table = new FaultTable(faults);
  return own.map((status) => table.answer('SNP_LAUNCH_FINISH')(status));
}

test('without faults every command has its own status', () => {
  expect(answers([], [SUCCESS, POLICY_FAILURE])).toEqual([SUCCESS, POLICY_FAILURE]);
  expect(new FaultTable().refusal('KVM_SEV_INIT2')).toBeUndefined();
});

test('a fault is for its command, every call or one, any status or one, and the first that matches counts', () => {
  const command = 'SNP_LAUNCH_FINISH';
  expect(answers([{ command: 'SNP_ACTIVATE', status: 9 }], [SUCCESS])).toEqual([SUCCESS]);
  expect(answers([{ command, status: 9 }], [SUCCESS, POLICY_FAILURE])).toEqual([9, 9]);
  expect(answers([{ command, status: 9, nth: 2 }], [SUCCESS, SUCCESS, SUCCESS])).toEqual([SUCCESS, 9, SUCCESS]);
  expect(answers([{ command, status: 9, insteadOf: 7 }], [BAD_MEASUREMENT, POLICY_FAILURE])).toEqual([11, 9]);
  expect(
    answers(
      [
        { command, status: 9, insteadOf: 7 },
        { command, status: 8 },
      ],
      [POLICY_FAILURE, SUCCESS],
    ),
  ).toEqual([9, 8]);
});

test('KVM refuses the call that it is told to', () => {
  const table = new FaultTable([{ command: 'KVM_SEV_INIT2', errno: 16, nth: 2 }]);
  expect(table.refusal('KVM_SEV_INIT2')).toBeUndefined();
  expect(table.refusal('KVM_SEV_SNP_LAUNCH_START')).toBeUndefined();
  expect(table.refusal('KVM_SEV_INIT2')).toMatchObject({ errno: 16 });
  expect(table.refusal('KVM_SEV_INIT2')).toBeUndefined();
});

test('a planted refusal leaves the guest as a refusal does', () => {
  const fails = () => RESOURCE_LIMIT;
  const fresh = createGuest();
  expect(launchStart(fresh, PLATFORM, POLICY, fails)).toBe(RESOURCE_LIMIT);
  expect(fresh).toEqual(createGuest());
  const guest = startedGuest();
  const before = structuredClone(guest);
  expect(launchUpdate(guest, PLATFORM, page(1), fails)).toBe(RESOURCE_LIMIT);
  expect(launchFinish(guest, PLAIN_FINISH, fails)).toBe(RESOURCE_LIMIT);
  expect(guest).toEqual(before);
});

test('a planted success carries the command out unchecked', () => {
  const passes = () => SUCCESS;
  const guest = createGuest();
  expect(launchStart(guest, PLATFORM, 0n, passes)).toBe(SUCCESS);
  expect(activate(guest, PLATFORM, 1, passes)).toBe(SUCCESS);
  const idBlock = buildIdBlock({ launchDigest: new Uint8Array(48).fill(1), policy: 7n, guestSvn: 5 });
  const idAuth = buildIdAuth({ idBlock, ...generateKeys() });
  expect(launchFinish(guest, { ...PLAIN_FINISH, idBlock, idAuth }, passes)).toBe(SUCCESS);
  expect(guest).toMatchObject({ state: 'running', policy: 0n, idBlock: { guestSvn: 5 } });
});

test('a fault is told in words', () => {
  const told = [
    { command: 'SNP_LAUNCH_FINISH', status: BAD_SIGNATURE, insteadOf: POLICY_FAILURE, nth: 2 },
    { command: 'SNP_LAUNCH_START', status: 0x99 },
    { command: 'KVM_SEV_INIT2', errno: 16 },
    { command: 'KVM_SEV_INIT2', errno: 5, status: RESOURCE_LIMIT },
  ] as const;
  expect(told.map(describeFault)).toEqual([
    'SNP_LAUNCH_FINISH: BAD_SIGNATURE instead of POLICY_FAILURE, call 2',
    'SNP_LAUNCH_START: status 0x99',
    'KVM_SEV_INIT2: errno 16',
    'KVM_SEV_INIT2: errno 5, status RESOURCE_LIMIT',
  ]);
});
