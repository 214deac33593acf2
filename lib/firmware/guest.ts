import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { GUEST_MESSAGE_TYPE, REPORT_REQUEST, REPORT_RESPONSE } from '../abi/guest-message.ts';
import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import { SECRETS_PAGE } from '../abi/secrets-page.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../guest/protocol.ts';
import type { Chip } from './chip.ts';
import { type Answer, honest } from './faults.ts';
import type { GuestContext } from './guest-context.ts';
import { openMessage, sealMessage } from './guest-message.ts';
import type { VcpuExits } from './kvm/run.ts';
import { guestRequest } from './report.ts';
import { SERIAL_PORT, Uart } from './uart.ts';

/** How long the guest waits for a nonce before it gives up and powers off. */
const NONCE_DEADLINE_MS = 60_000;
const BANNER = 'snp-conform emulated guest: no instruction of this guest was executed\r\n';

/** Asks the firmware for a report as a guest's driver does: VMPCK 0 from the secrets page, one sealed message. */
export function requestReport(
  guest: GuestContext,
  chip: Chip,
  reportData: Uint8Array,
  fault: Answer = honest,
): Uint8Array | string {
  if (guest.secretsPage === null) return 'the launch had no secrets page, so there is no VMPCK';
  const { vmpck0 } = parseLayout(SECRETS_PAGE, guest.secretsPage, 'secrets page');
  const payload = serialiseLayout(REPORT_REQUEST, { reportData, vmpl: 0 }, 'MSG_REPORT_REQ');
  const sequence = (guest.messageCounts[0] ?? 0n) + 1n;
  const sealed = sealMessage({ sequence, type: GUEST_MESSAGE_TYPE.REPORT_REQ, version: 1, vmpck: 0, payload }, vmpck0);
  const answer = guestRequest(guest, chip, sealed);
  const status = fault(answer instanceof Uint8Array ? FIRMWARE_STATUS.SUCCESS : answer.status);
  if (status !== FIRMWARE_STATUS.SUCCESS || !(answer instanceof Uint8Array)) {
    return `SNP_GUEST_REQUEST failed with status 0x${status.toString(16)}`;
  }
  const opened = openMessage(answer, vmpck0);
  if (opened === undefined || opened.payload.length !== sizeOf(REPORT_RESPONSE))
    return 'the answer of the firmware is unreadable';
  const response = parseLayout(REPORT_RESPONSE, opened.payload, 'MSG_REPORT_RSP');
  return response.status === 0 ? response.report : `MSG_REPORT_RSP has status 0x${response.status.toString(16)}`;
}

/** The frames that come from the harness, until none has come for a while. */
async function* heardFrames(agent: Uart): AsyncGenerator<Frame> {
  const decoder = new FrameDecoder();
  let deadline = Date.now() + NONCE_DEADLINE_MS;
  while (Date.now() < deadline) {
    for (const found of decoder.push(await agent.read(deadline))) {
      if (found.kind !== 'frame') continue;
      deadline = Date.now() + NONCE_DEADLINE_MS;
      yield found.frame;
    }
  }
}

/** The agent's answer to a nonce, in the order of the protocol. */
function answerFrames(report: Uint8Array | string, certificates: Uint8Array, sequence: number): Frame[] {
  if (typeof report === 'string') return [{ type: 'error', sequence, payload: Buffer.from(report) }];
  return [
    { type: 'certs', sequence, payload: certificates },
    { type: 'report', sequence, payload: report },
  ];
}

/** A guest that is played, and what it runs on. */
export interface PlayedGuest {
  guest: GuestContext;
  chip: Chip;
  /** The table that the host gives with a report, as KVM answers an extended request; empty: it has none. */
  certificates: Uint8Array;
  /** Asked once a request to the firmware; absent: none is answered wrongly. */
  fault?: (() => Answer) | undefined;
}

/** What a guest of the harness does: announce itself, answer each nonce with its report, power off. */
export async function playGuest(exits: VcpuExits, played: PlayedGuest): Promise<void> {
  const { guest, chip, certificates, fault = () => honest } = played;
  const agent = new Uart(exits, SERIAL_PORT.agent);
  await new Uart(exits, SERIAL_PORT.console).write(BANNER);
  await agent.write(encodeFrame({ type: 'ready', sequence: 0, payload: Buffer.from('{"agent":"emulated"}') }));
  for await (const { type, sequence, payload } of heardFrames(agent)) {
    if (type === 'end') break;
    if (type !== 'nonce') continue;
    const frames = answerFrames(requestReport(guest, chip, payload, fault()), certificates, sequence);
    for (const frame of frames) await agent.write(encodeFrame(frame));
  }
  await agent.write(encodeFrame({ type: 'off', sequence: 1, payload: new Uint8Array() }));
  exits.shutdown();
}
