import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import { createGuest } from '../../lib/firmware/guest-context.ts';
import { launchFinish } from '../../lib/firmware/launch-finish.ts';
import { launchStart } from '../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { expect, test } from '../support/test.ts';
import { PLAIN_FINISH, PLATFORM, POLICY, page } from './platform.ts';

test('commands in the wrong state are refused', () => {
  const guest = createGuest();
  expect(launchUpdate(guest, PLATFORM, page(1))).toBe(FIRMWARE_STATUS.INVALID_GUEST_STATE);
  expect(launchFinish(guest, PLAIN_FINISH)).toBe(FIRMWARE_STATUS.INVALID_GUEST_STATE);
  expect(launchStart(guest, PLATFORM, POLICY)).toBe(FIRMWARE_STATUS.SUCCESS);
  expect(launchStart(guest, PLATFORM, POLICY)).toBe(FIRMWARE_STATUS.INVALID_GUEST_STATE);
  expect(launchFinish(guest, PLAIN_FINISH)).toBe(FIRMWARE_STATUS.SUCCESS);
  expect(launchUpdate(guest, PLATFORM, page(1))).toBe(FIRMWARE_STATUS.INVALID_GUEST_STATE);
  expect(launchFinish(guest, PLAIN_FINISH)).toBe(FIRMWARE_STATUS.INVALID_GUEST_STATE);
});
