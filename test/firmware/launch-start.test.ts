import { FIRMWARE_STATUS, firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { createGuest } from '../../lib/firmware/guest-context.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { CONDITIONAL_POLICY_BITS } from '../../lib/firmware/platform.ts';
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

const bit = (place: number): bigint => POLICY | (1n << BigInt(place));

test('bits 0 to 20 are known to every firmware, those from 26 on to none', () => {
  for (const place of [18, 19, 20]) expect(started(bit(place)), `bit ${place}`).toBe('SUCCESS');
  for (const place of [26, 27, 40, 63]) expect(started(bit(place)), `bit ${place}`).toBe('POLICY_FAILURE');
});

/** Bits 21 to 24: whether firmware that does not announce one, that announces it, and whose machine meets it, launches. */
const ANNOUNCED = [
  ['CXL_ALLOW', 21, 'SUCCESS'],
  ['MEM_AES_256_XTS', 22, 'POLICY_FAILURE'],
  ['RAPL_DIS', 23, 'POLICY_FAILURE'],
  ['CIPHERTEXT_HIDING_DRAM', 24, 'POLICY_FAILURE'],
] as const;

for (const [name, place, unmet] of ANNOUNCED) {
  test(`${name} is a reserved bit until the firmware announces it${unmet === 'SUCCESS' ? '' : ', and then asks for what it says'}`, () => {
    expect(started(bit(place), { ...PLATFORM, announces: [] }), 'not announced').toBe('POLICY_FAILURE');
    expect(started(bit(place), { ...PLATFORM, announces: [name] }), 'announced').toBe(unmet);
    const conditional = CONDITIONAL_POLICY_BITS.find((candidate) => candidate === name);
    const meets = conditional === undefined ? [] : [conditional];
    expect(started(bit(place), { ...PLATFORM, announces: [name], meets }), 'met').toBe('SUCCESS');
  });
}

test('PAGE_SWAP_DISABLE is a reserved bit before ABI 1.58', () => {
  expect(started(bit(25))).toBe('POLICY_FAILURE');
  expect(started(bit(25), { ...PLATFORM, apiMinor: 58 })).toBe('SUCCESS');
  expect(started(bit(25), { ...PLATFORM, apiMajor: 2, apiMinor: 0 })).toBe('SUCCESS');
});

test('a guest of one socket is started anywhere, and bound to an ASID only where there is one', () => {
  const bound = (sockets: number, policy: bigint): string => {
    const guest = createGuest();
    expect(launchStart(guest, { ...PLATFORM, sockets }, policy)).toBe(FIRMWARE_STATUS.SUCCESS);
    return `${firmwareStatusName(activate(guest, { ...PLATFORM, sockets }, 1))} ${guest.asid}`;
  };
  expect(bound(2, bit(20))).toBe('POLICY_FAILURE null');
  expect(bound(1, bit(20))).toBe('SUCCESS 1');
  expect(bound(2, POLICY)).toBe('SUCCESS 1');
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
