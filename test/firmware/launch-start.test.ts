import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { createGuest } from '../../lib/firmware/guest-context.ts';
import { launchStart } from '../../lib/firmware/launch-start.ts';
import { expect, test } from '../support/test.ts';
import { PLATFORM, POLICY, startedGuest } from './platform.ts';

const started = (policy: bigint, platform = PLATFORM): string =>
  firmwareStatusName(launchStart(createGuest(), platform, policy));

test('a policy without bit 17 is a policy failure', () => {
  expect(started(0x10000n)).toBe('POLICY_FAILURE');
});

test('a policy that forbids SMT is a policy failure only while SMT is on', () => {
  expect(started(0x20000n)).toBe('POLICY_FAILURE');
  expect(started(0x20000n, { ...PLATFORM, smtEnabled: false })).toBe('SUCCESS');
});

test('the ABI of a policy is a minimum, major before minor', () => {
  expect(started(0x30137n), '1.55 on 1.55').toBe('SUCCESS');
  expect(started(0x30138n), '1.56 on 1.55').toBe('POLICY_FAILURE');
  expect(started(0x30200n), '2.0 on 1.55').toBe('POLICY_FAILURE');
  expect(started(0x300ffn), '0.255 on 1.55').toBe('SUCCESS');
});

test('bit 25 is the highest that a policy may have', () => {
  expect(started(POLICY | (1n << 25n))).toBe('SUCCESS');
  for (const bit of [26n, 27n, 40n, 63n]) expect(started(POLICY | (1n << bit)), `bit ${bit}`).toBe('POLICY_FAILURE');
});

test('a refused start leaves the guest as it was, and it may be started again', () => {
  const guest = createGuest();
  expect(launchStart(guest, PLATFORM, 0n)).toBe(FIRMWARE_STATUS.POLICY_FAILURE);
  expect(guest).toEqual(createGuest());
  expect(launchStart(guest, PLATFORM, POLICY)).toBe(FIRMWARE_STATUS.SUCCESS);
});

test('every guest has its own keys and report id', () => {
  const [one, two] = [startedGuest(), startedGuest()];
  const secrets = [...one.vmpcks, ...two.vmpcks, one.reportId, two.reportId].map((bytes) =>
    Buffer.from(bytes).toString('hex'),
  );
  expect(new Set(secrets).size).toBe(10);
});
