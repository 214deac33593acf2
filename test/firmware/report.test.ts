import { createECDH, createPublicKey, type KeyObject } from 'node:crypto';
import { firmwareStatusName } from '../../lib/abi/firmware-status.ts';
import { GUEST_MESSAGE_TYPE, REPORT_REQUEST, REPORT_RESPONSE } from '../../lib/abi/guest-message.ts';
import { parseLayout, serialiseLayout } from '../../lib/abi/layout.ts';
import { parseReport, verifyReportSignature } from '../../lib/attestation/report.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { requestReport } from '../../lib/firmware/guest.ts';
import type { GuestContext } from '../../lib/firmware/guest-context.ts';
import { type GuestMessage, openMessage, sealMessage } from '../../lib/firmware/guest-message.ts';
import { guestRequest } from '../../lib/firmware/report.ts';
import { expect, test } from '../support/test.ts';
import { CHIP, PLATFORM, POLICY, runningGuest, startedGuest } from './platform.ts';

const NONCE = new Uint8Array(64).fill(0xa5);

/** The public half of a VCEK secret, by OpenSSL. */
function publicKeyOf(secret: Uint8Array): KeyObject {
  const pair = createECDH('secp384r1');
  pair.setPrivateKey(secret);
  const point = pair.getPublicKey();
  const text = (from: number): string => point.subarray(from, from + 48).toString('base64url');
  return createPublicKey({ key: { kty: 'EC', crv: 'P-384', x: text(1), y: text(49) }, format: 'jwk' });
}

interface Change {
  payload?: { vmpl?: number; keySelect?: number; reportData?: Uint8Array };
  message?: Partial<GuestMessage>;
}

/** A sealed MSG_REPORT_REQ, the first under its VMPCK. */
function request(guest: GuestContext, { payload = {}, message = {} }: Change = {}): Uint8Array {
  const clear = serialiseLayout(REPORT_REQUEST, { reportData: NONCE, vmpl: 0, ...payload }, 'MSG_REPORT_REQ');
  const vmpck = message.vmpck ?? 0;
  const whole = { sequence: 1n, type: GUEST_MESSAGE_TYPE.REPORT_REQ, version: 1, payload: clear, ...message, vmpck };
  return sealMessage(whole, guest.vmpcks[vmpck] ?? new Uint8Array(32));
}

/** The status with which the command fails; undefined where it answers. */
function statusOf(guest: GuestContext, sealed: Uint8Array): string | undefined {
  const answer = guestRequest(guest, CHIP, sealed);
  return answer instanceof Uint8Array ? undefined : firmwareStatusName(answer.status);
}

/** What stands in the sealed answer. */
function responseTo(guest: GuestContext, sealed: Uint8Array) {
  const answer = guestRequest(guest, CHIP, sealed);
  if (!(answer instanceof Uint8Array)) throw new Error(firmwareStatusName(answer.status));
  const opened = openMessage(answer, guest.vmpcks[0] ?? new Uint8Array());
  expect(opened).toMatchObject({ sequence: 2n, type: GUEST_MESSAGE_TYPE.REPORT_RSP });
  return parseLayout(REPORT_RESPONSE, opened?.payload ?? new Uint8Array(), 'MSG_REPORT_RSP');
}

test('the report of a guest verifies under the public half of the VCEK, by another implementation', () => {
  const report = requestReport(runningGuest(), CHIP, NONCE);
  if (typeof report === 'string') throw new Error(report);
  expect(verifyReportSignature(report, publicKeyOf(CHIP.vcek(PLATFORM.tcb)))).toBe(true);
  expect(verifyReportSignature(report, publicKeyOf(emulatedChip('another').vcek(PLATFORM.tcb)))).toBe(false);
  const altered = Uint8Array.from(report);
  altered[0x90] = (altered[0x90] ?? 0) ^ 1;
  expect(verifyReportSignature(altered, publicKeyOf(CHIP.vcek(PLATFORM.tcb)))).toBe(false);
});

test('the report says what was launched, and where', () => {
  const guest = runningGuest();
  const report = requestReport(guest, CHIP, NONCE);
  if (typeof report === 'string') throw new Error(report);
  expect(parseReport(report)).toMatchObject({
    version: 3,
    policy: POLICY,
    vmpl: 0,
    measurement: guest.launchDigest,
    reportData: NONCE,
    hostData: guest.hostData,
    chipId: PLATFORM.chipId,
    currentBuild: 39,
    currentMinor: 55,
    currentMajor: 1,
    platformInfo: 1n,
    keyInfo: 0,
    cpuidFamId: 0x19,
  });
});

test('the chip of an emulated host lasts as long as its name, and is no other host’s', () => {
  const [one, again, other] = ['lab-1', 'lab-1', 'lab-2'].map((name) => {
    const { platform, vcek } = emulatedChip(name);
    return { platform, vcek: vcek(platform.tcb) };
  });
  expect(again).toEqual(one);
  expect(other?.vcek).not.toEqual(one?.vcek);
  expect(other?.platform.chipId).not.toEqual(one?.platform.chipId);
});

test('one request after the other is answered; a replayed one is an AEAD_OFLOW', () => {
  const guest = runningGuest();
  const first = request(guest);
  expect(statusOf(guest, first)).toBeUndefined();
  expect(statusOf(guest, first)).toBe('AEAD_OFLOW');
  expect(statusOf(guest, request(guest, { message: { sequence: 2n } })), 'the number of the answer').toBe('AEAD_OFLOW');
  expect(statusOf(guest, request(guest, { message: { sequence: 4n } })), 'one left out').toBe('AEAD_OFLOW');
  expect(statusOf(guest, request(guest, { message: { sequence: 3n } }))).toBeUndefined();
  expect(statusOf(guest, request(guest, { message: { vmpck: 1 } })), 'every VMPCK counts for itself').toBeUndefined();
});

test('a refused request does not use up its number', () => {
  const guest = runningGuest();
  const broken = request(guest);
  broken[0] = (broken[0] ?? 0) ^ 1;
  expect(statusOf(guest, broken)).toBe('BAD_MEASUREMENT');
  expect(statusOf(guest, request(guest, { message: { type: 3 } }))).toBe('INVALID_PARAM');
  expect(statusOf(guest, request(guest))).toBeUndefined();
});

test('what is no request that the firmware knows is an INVALID_PARAM', () => {
  const guest = runningGuest();
  expect(statusOf(guest, request(guest, { message: { type: 6 } })), 'an answer').toBe('INVALID_PARAM');
  expect(statusOf(guest, request(guest, { message: { version: 0 } }))).toBe('INVALID_PARAM');
  expect(statusOf(guest, request(guest, { message: { version: 2 } }))).toBe('INVALID_PARAM');
  expect(statusOf(guest, request(guest, { message: { vmpck: 4 } })), 'there are four VMPCKs').toBe('INVALID_PARAM');
  expect(statusOf(guest, request(guest, { message: { payload: new Uint8Array(90) } }))).toBe('INVALID_PARAM');
  for (const length of [0, 1, 0x5f, 0x60, 0x61, 0xbf]) {
    expect(statusOf(guest, request(guest).subarray(0, length)), `${length} bytes`).toBe('INVALID_PARAM');
  }
});

test('a guest that does not run yet gets no report', () => {
  const guest = startedGuest();
  expect(statusOf(guest, request(guest))).toBe('INVALID_GUEST_STATE');
});

test('faults of the guest come back sealed, with a status and no report', () => {
  const refusal = (change: Change, guest = runningGuest()) => {
    const { status, reportSize, report } = responseTo(guest, request(guest, change));
    expect(reportSize).toBe(0);
    expect(report.every((byte) => byte === 0)).toBe(true);
    return firmwareStatusName(status);
  };
  expect(refusal({ payload: { vmpl: 4 } })).toBe('INVALID_PARAM');
  expect(refusal({ payload: { vmpl: 0xffff_ffff } })).toBe('INVALID_PARAM');
  expect(refusal({ payload: { keySelect: 3 } })).toBe('INVALID_KEY');
  expect(refusal({ message: { payload: new Uint8Array(80) } })).toBe('INVALID_PARAM');
  expect(refusal({}, Object.assign(runningGuest(), { vcekDisabled: true }))).toBe('INVALID_KEY');
});

test('a request names its VMPL, 0 to 3', () => {
  const guest = runningGuest();
  const { status, report } = responseTo(guest, request(guest, { payload: { vmpl: 3 } }));
  expect(status).toBe(0);
  expect(parseReport(report).vmpl).toBe(3);
});

test('a guest without a secrets page says why it has no report', () => {
  expect(requestReport(startedGuest(), CHIP, NONCE)).toBe('the launch had no secrets page, so there is no VMPCK');
});
