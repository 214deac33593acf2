import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { parseLayout } from '../../lib/abi/layout.ts';
import { SECRETS_PAGE } from '../../lib/abi/secrets-page.ts';
import { createGuest, launchFinish, launchStart, launchUpdate } from '../../lib/firmware/psp.ts';
import { expect, test } from '../support/test.ts';
import { PLAIN_FINISH, PLATFORM, POLICY, page, startedGuest } from './platform.ts';

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

test('a refused page leaves the launch digest alone', () => {
  const guest = startedGuest();
  const refused = [page(0), page(7), page(1, 0x1001n), { ...page(1), contents: new Uint8Array(4095) }];
  const statuses = refused.map((one) => firmwareStatusName(launchUpdate(guest, PLATFORM, one)));
  expect(statuses).toEqual(['INVALID_PARAM', 'INVALID_PARAM', 'INVALID_ADDRESS', 'INVALID_PAGE_SIZE']);
  expect(guest.launchDigest).toEqual(new Uint8Array(48));
});

test('contents count for NORMAL and VMSA pages only; type and address always', () => {
  const digest = (pageType: number, fill: number, gpa = 0x1000n): string => {
    const guest = startedGuest();
    expect(launchUpdate(guest, PLATFORM, page(pageType, gpa, fill))).toBe(FIRMWARE_STATUS.SUCCESS);
    return Buffer.from(guest.launchDigest).toString('hex');
  };
  expect([1, 2, 3, 4, 5, 6].map((type) => digest(type, 0) !== digest(type, 1))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(new Set([1, 2, 3, 4, 5, 6].map((type) => digest(type, 0))).size).toBe(6);
  expect(digest(3, 0, 0x2000n)).not.toBe(digest(3, 0));
});

test('the secrets page carries the keys of the guest, and only a SECRETS page makes one', () => {
  const guest = startedGuest();
  for (const type of [1, 2, 3, 4, 6]) launchUpdate(guest, PLATFORM, page(type));
  expect(guest.secretsPage).toBeNull();
  launchUpdate(guest, PLATFORM, page(5));
  const written = parseLayout(SECRETS_PAGE, guest.secretsPage ?? new Uint8Array(), 'secrets page');
  expect([written.vmpck0, written.vmpck1, written.vmpck2, written.vmpck3]).toEqual(guest.vmpcks);
  expect(written.familyModelStepping).toBe(0x191101);
});

test('the host data of a running guest are what finish was given, not the memory it stood in', () => {
  const guest = startedGuest();
  const hostData = Buffer.alloc(32, 7);
  launchFinish(guest, { ...PLAIN_FINISH, hostData });
  hostData.fill(0);
  expect(Buffer.from(guest.hostData)).toEqual(Buffer.alloc(32, 7));
});
