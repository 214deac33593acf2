import { parseReport } from '../../lib/attestation/report.ts';
import { playGuest } from '../../lib/firmware/guest.ts';
import type { GuestContext } from '../../lib/firmware/guest-context.ts';
import { type Access, VcpuExits } from '../../lib/firmware/kvm/run.ts';
import { SERIAL_PORT } from '../../lib/firmware/uart.ts';
import { encodeFrame, type Frame, FrameDecoder } from '../../lib/guest/protocol.ts';
import { expect, test } from '../support/test.ts';
import { CHIP, runningGuest, startedGuest } from './platform.ts';

const NONCES = [new Uint8Array(64).fill(0xa5), new Uint8Array(64).fill(0x5a)];
/** What the harness says, once the guest has announced itself. */
const QUESTIONS: readonly Frame[] = [
  ...NONCES.map((payload, index): Frame => ({ type: 'nonce', sequence: 7 + index, payload })),
  { type: 'end', sequence: 9, payload: new Uint8Array() },
];

/** Exits whose UARTs are always ready; the agent's asks all it has to ask once the guest is ready. */
class ReadyExits extends VcpuExits {
  readonly #decoder = new FrameDecoder();
  readonly #input: number[] = [];
  readonly frames: Frame[] = [];
  console = '';
  off = false;

  override async inString(port: number, count: number): Promise<Uint8Array> {
    if (port === SERIAL_PORT.agent) return Uint8Array.from(this.#input.splice(0, count));
    if (port === SERIAL_PORT.agent + 2) return Uint8Array.of(this.#input.length >= 14 ? 0xc4 : 0xc1);
    return Uint8Array.of(port === SERIAL_PORT.agent + 5 && this.#input.length > 0 ? 0x21 : 0x20);
  }

  override async out(port: number, bytes: Uint8Array): Promise<void> {
    if (port === SERIAL_PORT.console) this.console += Buffer.from(bytes).toString('utf8');
    if (port !== SERIAL_PORT.agent) return;
    for (const found of this.#decoder.push(bytes)) {
      if (found.kind === 'error') throw found.error;
      this.frames.push(found.frame);
      if (found.frame.type !== 'ready') continue;
      this.#input.push(...Buffer.from(`noise\n${QUESTIONS.map(encodeFrame).join('')}`));
    }
  }

  override async sequence(accesses: readonly Access[]): Promise<number> {
    for (const access of accesses) if (access.kind === 'out') await this.out(access.port, access.bytes);
    return accesses.length;
  }

  override shutdown(): void {
    this.off = true;
  }
}

async function played(guest: GuestContext, certificates = new Uint8Array()): Promise<ReadyExits> {
  const exits = new ReadyExits();
  await playGuest(exits, { guest, chip: CHIP, certificates });
  expect(exits.off, 'the guest powers off').toBe(true);
  return exits;
}

test('the played guest announces itself, answers each nonce with a report over it, and powers off', async () => {
  const guest = runningGuest();
  const table = Uint8Array.from({ length: 5000 }, (_, at) => at % 256);
  const { frames, console } = await played(guest, table);
  expect(frames.map(({ type, sequence }) => [type, sequence])).toEqual([
    ['ready', 0],
    ['certs', 7],
    ['report', 7],
    ['certs', 8],
    ['report', 8],
    ['off', 1],
  ]);
  const tables = frames.filter(({ type }) => type === 'certs').map(({ payload }) => payload);
  expect(tables).toEqual([table, table]);
  const reports = frames.filter(({ type }) => type === 'report').map(({ payload }) => parseReport(payload));
  for (const [index, reportData] of NONCES.entries()) {
    expect(reports[index]).toMatchObject({ reportData, measurement: guest.launchDigest });
  }
  expect(console).toContain('no instruction of this guest was executed');
});

test('a guest that cannot ask for a report says so', async () => {
  const { frames } = await played(Object.assign(startedGuest(), { state: 'running' as const }));
  expect(frames.map((frame) => frame.type)).toEqual(['ready', 'error', 'error', 'off']);
  expect(Buffer.from(frames[1]?.payload ?? []).toString()).toContain('no secrets page');
});

test('a guest that may not use the VCEK passes the firmware’s status on', async () => {
  const { frames } = await played(Object.assign(runningGuest(), { vcekDisabled: true }));
  expect(Buffer.from(frames[1]?.payload ?? []).toString()).toBe('MSG_REPORT_RSP has status 0x27');
});
