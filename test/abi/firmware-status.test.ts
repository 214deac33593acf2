import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { expect, test } from '../support/test.ts';

// Source: Linux, include/uapi/linux/psp-sev.h (6.18), the codes that a launch can meet.
const KNOWN: readonly (readonly [number, string])[] = [
  [-1, 'NO_FW_CALL'],
  [0, 'SUCCESS'],
  [7, 'POLICY_FAILURE'],
  [10, 'BAD_SIGNATURE'],
  [11, 'BAD_MEASUREMENT'],
  [22, 'INVALID_PARAM'],
  [25, 'INVALID_PAGE_SIZE'],
  [31, 'EXIT_RING_BUFFER'],
  [32, 'RMP_INIT_REQUIRED'],
  [39, 'INVALID_KEY'],
  [58, 'IN_USE'],
];

for (const [status, name] of KNOWN) {
  test(`firmware status ${status} is ${name}`, () => {
    expect(firmwareStatusName(status)).toBe(name);
  });
}

test('a status that is not in the table is called by its number', () => {
  expect(firmwareStatusName(0x1e)).toBe('status 0x1e');
  expect(firmwareStatusName(-2)).toBe('status 0xfffffffe');
});

test('no two names share a number', () => {
  const codes = Object.values(FIRMWARE_STATUS);
  expect(new Set(codes).size).toBe(codes.length);
});
