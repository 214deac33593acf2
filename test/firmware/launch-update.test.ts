import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { parseLayout } from '../../lib/abi/layout.ts';
import { SECRETS_PAGE } from '../../lib/abi/secrets-page.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { expect, test } from '../support/test.ts';
import { PLATFORM, page, startedGuest } from './platform.ts';

test('a refused page leaves the launch digest alone', () => {
  const guest = startedGuest();
  const refused = [page(0), page(7), page(1, 0x1001n), { ...page(1), contents: new Uint8Array(4095) }];
  const statuses = refused.map((one) => firmwareStatusName(launchUpdate(guest, PLATFORM, one)));
  expect(statuses).toEqual(['INVALID_PARAM', 'INVALID_PARAM', 'INVALID_ADDRESS', 'INVALID_PAGE_SIZE']);
  // The first wrong thing in the firmware's order: size, address, type.
  const both = { ...page(9, 0x1001n), contents: new Uint8Array(1) };
  expect(firmwareStatusName(launchUpdate(guest, PLATFORM, both))).toBe('INVALID_PAGE_SIZE');
  expect(firmwareStatusName(launchUpdate(guest, PLATFORM, page(9, 0x1001n)))).toBe('INVALID_ADDRESS');
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
