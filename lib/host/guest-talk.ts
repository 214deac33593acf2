import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { HarnessError } from '../errors.ts';
import { askByCommand } from '../guest/command-channel.ts';
import { converse, type GuestWords, noWords } from '../guest/conversation.ts';
import { type CommandChannel, filled, mentions } from '../matrix/guest-channel.ts';
import { LAUNCH_FILES } from '../qemu/command-line.ts';
import { openQmp, type QmpClient } from '../qemu/qmp.ts';
import { freePort } from './free-port.ts';
import type { LaunchRequest } from './host.ts';
import { LocalSession } from './local-session.ts';
import { observeProcess } from './observe-process.ts';
import type { Session } from './session.ts';
import { connectWhenThere } from './sockets.ts';
import type { Supervised } from './supervisor.ts';

const SOCKET_MS = 30_000;
/** Between two runs of a command that asks a guest. */
const COMMAND_PAUSE_MS = 1000;
/** vsock addresses of guests: above those that people give by hand. Source: vsock(7). */
const CID = { first: 0x1_0000, last: 0x7fff_ffff };

/** What was seen of QEMU and its guest while they lived. */
export interface Seen {
  querySev: unknown;
  events: { event: string; data?: unknown }[];
  guest: GuestWords;
}

/** Where the guest of one launch can be reached: the values of the channel's placeholders, apart from the nonce. */
export interface GuestPlace {
  cid: string;
  port: string;
  directory: string;
  cell: string;
}

/** Chooses a vsock address, and a TCP port that is free on the host where the channel wants one. @throws HarnessError HOST_*, SSH_* */
export async function guestPlace(session: Session, directory: string, request: LaunchRequest): Promise<GuestPlace> {
  const { guest, cell } = request;
  const words = guest.channel === 'command' ? [...guest.command, ...guest.qemuArguments] : [];
  const port = mentions(words, 'port') ? await freePort(session) : 0;
  return { cid: String(randomInt(CID.first, CID.last)), port: String(port), directory, cell: cell.id };
}

/** The launch whose guest is spoken to. */
export interface TalkPlace {
  session: Session;
  hostName: string;
  place: GuestPlace;
  qemu: Supervised;
  /** For the guest's boot and its reports; one that is silent for longer hangs. */
  guestMs: number;
  /** For one answer of QEMU. */
  answerMs: number;
}

/** Aborts when QEMU has ended, however. */
function endOf(qemu: Supervised): AbortSignal {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  qemu.ended.then(end, end);
  return ended.signal;
}

async function askWith(
  channel: CommandChannel,
  talk: TalkPlace,
  request: LaunchRequest,
  signal: AbortSignal,
  seen: Seen,
) {
  const { place, session, qemu, hostName } = talk;
  const argv = (nonce: Uint8Array): string[] => {
    const values = { ...place, nonce: Buffer.from(nonce).toString('hex') };
    const named = Object.entries(values).map(([name, value]) => `SNP_CONFORM_${name.toUpperCase()}=${value}`);
    return ['env', ...named, ...filled(channel.command, values)];
  };
  const runner = channel.run === 'host' ? session : new LocalSession('here');
  const ask = {
    argv,
    run: (words: readonly string[], timeoutMs: number) => runner.run(words, { timeoutMs }),
    timeoutMs: channel.timeoutSeconds * 1000,
    pauseMs: COMMAND_PAUSE_MS,
    where: `host ${hostName}, cell ${place.cell}`,
  };
  await askByCommand(ask, [request.nonce, request.secondNonce], AbortSignal.any([signal, endOf(qemu)]), seen.guest);
}

/** A refused launch ends QEMU under our hands: that is a result, and what it said is in its files. */
const endedByQemu = (thrown: unknown): boolean => thrown instanceof HarnessError && thrown.code === 'QMP_ENDED';

async function speak(
  qmp: QmpClient,
  agent: Duplex | null,
  talk: TalkPlace,
  request: LaunchRequest,
  signal: AbortSignal,
  seen: Seen,
) {
  seen.querySev = await qmp.execute('query-sev');
  if (request.onProcess !== undefined) request.onProcess(await observeProcess(talk.session, talk.qemu.pid, request));
  await qmp.execute('cont');
  const { guest, nonce, secondNonce } = request;
  if (guest.channel === 'command') {
    await askWith(guest, talk, request, signal, seen);
    // A guest of the user's own does not know that it is not wanted any more.
    await qmp.execute('quit');
  } else if (agent !== null) {
    // A guest that was refused never speaks; QEMU's end ends the conversation.
    const over = AbortSignal.any([signal, AbortSignal.timeout(talk.guestMs)]);
    await converse(agent, [nonce, secondNonce], over, seen.guest);
  }
}

/**
 * Lets a stopped QEMU go on, and gets the reports of its guest. A refusal ends it early and is no error.
 * @throws HarnessError HOST_*, SSH_*, QMP_PROTOCOL, GUEST_COMMAND
 */
export async function talkToGuest(talk: TalkPlace, request: LaunchRequest, signal: AbortSignal): Promise<Seen> {
  const { session, qemu, place, hostName, answerMs } = talk;
  const seen: Seen = { querySev: null, events: [], guest: noWords() };
  const socket = (name: 'qmp' | 'agent'): Promise<Duplex | undefined> =>
    connectWhenThere(session, `${place.directory}/${LAUNCH_FILES[name]}`, qemu.ended, SOCKET_MS);
  const qmpSocket = await socket('qmp');
  // The agent's serial port is the command's to use, where there is one.
  const agent = request.guest.channel === 'agent' ? await socket('agent') : null;
  if (qmpSocket === undefined || agent === undefined) {
    // QEMU refused before it listened: its standard error says why.
    qmpSocket?.destroy();
    agent?.destroy();
    return seen;
  }
  let qmp: QmpClient | undefined;
  try {
    qmp = await openQmp(qmpSocket, { where: `host ${hostName}, cell ${place.cell}`, timeoutMs: answerMs });
    await speak(qmp, agent, talk, request, signal, seen);
  } catch (thrown) {
    if (!endedByQemu(thrown)) throw thrown;
  } finally {
    seen.events = [...(qmp?.events ?? [])];
    qmpSocket.destroy();
    agent?.destroy();
  }
  return seen;
}
