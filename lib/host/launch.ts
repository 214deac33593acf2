import { HarnessError } from '../errors.ts';
import { writeCell } from '../evidence/cell-codec.ts';
import type { Evidence, HostProvenance, TraceEvent } from '../evidence/schema.ts';
import { writeFirmwareDescriptor } from '../evidence/written-descriptor.ts';
import type { GuestWords } from '../guest/conversation.ts';
import { filled } from '../matrix/guest-channel.ts';
import { LAUNCH_FILES, qemuArgv } from '../qemu/command-line.ts';
import { findRefusal } from '../qemu/refusal.ts';
import { parseTrace } from '../qemu/trace.ts';
import { type EmulatedLaunch, type Emulation, emulatedLaunch } from './emulation.ts';
import { type GuestPlace, guestPlace, type Seen, talkToGuest } from './guest-talk.ts';
import type { LaunchRequest } from './host.ts';
import type { Limits } from './limits.ts';
import type { Session } from './session.ts';
import { LAUNCH_VARIABLE, readOutput, type SlotRequest, type Supervised, startSupervised } from './supervisor.ts';

/** A launch on one host; paths are paths there. */
export interface HostLaunch {
  session: Session;
  host: HostProvenance;
  emulation: Emulation | null;
  binary: string;
  /** Must not exist yet. */
  directory: string;
  /** Where artifacts are kept. */
  store: string;
  firmware: string;
  kernel: string | null;
  initrd: string | null;
  slot: SlotRequest;
  limits: Limits;
  /** Added to QEMU's environment. */
  environment: Readonly<Record<string, string>>;
  asRoot: 'sudo' | undefined;
}

/** What every guest gets; it is not measured. */
export const GUEST_MEMORY_MIB = 512;
/** What a launch may take beside the guest's own time. */
const LAUNCH_SECONDS = 60;
const MAX_FILE_BYTES = 1024 * 1024;
/** Of the beginning and of the end of QEMU's outputs, each. */
const MAX_OUTPUT_BYTES = 256 * 1024;
/** From the guest's last word to QEMU's end; a QEMU whose guest never spoke is not expected to end at all. */
const END_MS = 15_000;
const SILENT_END_MS = 2000;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const base64OrNull = (bytes: Uint8Array | null | undefined): string | null => (bytes ? base64(bytes) : null);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function argvOf(launch: HostLaunch, request: LaunchRequest, place: GuestPlace): string[] {
  const { cell, identity, guest } = request;
  return qemuArgv({
    binary: launch.binary,
    directory: launch.directory,
    firmware: launch.firmware,
    kernel: launch.kernel,
    initrd: launch.initrd,
    append: cell.append,
    vcpus: cell.vcpus,
    vcpuType: cell.vcpuType,
    guestPolicy: request.guestPolicy,
    cbitpos: launch.host.cbitpos,
    idBlock: base64OrNull(identity.idBlock),
    idAuth: base64OrNull(identity.idAuth),
    authorKeyEnabled: identity.authorKeyEnabled,
    hostData: base64(request.hostData),
    memoryMiB: GUEST_MEMORY_MIB,
    guestArguments: guest.channel === 'command' ? filled(guest.qemuArguments, { ...place }) : [],
  });
}

/** Waits for QEMU's own end for a little while, then ends it. @returns its exit code; null when it had to be killed */
async function finish(qemu: Supervised, endMs: number): Promise<number | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), endMs);
  });
  const ended = await Promise.race([qemu.ended, late]);
  clearTimeout(timer);
  if (ended !== undefined) return ended.exitCode;
  await qemu.kill();
  return null;
}

async function fileText(launch: HostLaunch, name: string): Promise<string> {
  const bytes = await launch.session.readFile(`${launch.directory}/${name}`, MAX_FILE_BYTES);
  return bytes === undefined ? '' : Buffer.from(bytes).toString('utf8');
}

/** What a guest said, as evidence keeps it. */
function guestOutcome({
  about,
  dmesg,
  answers: [first, second],
}: GuestWords): Pick<Evidence['outcome'], 'report' | 'certificates' | 'secondReport' | 'guest'> {
  return {
    report: base64OrNull(first?.report),
    certificates: base64OrNull(first?.certificates),
    secondReport: base64OrNull(second?.report),
    guest: {
      agent: about?.agent ?? null,
      kernel: about?.kernel ?? null,
      dmesg,
      errors: [first, second].flatMap((answer) => answer?.error ?? []),
    },
  };
}

/** Trouble that is the lab's, not the launch's, though QEMU is what ended. */
function labTrouble(
  launch: HostLaunch,
  exitCode: number | null,
  stderr: string,
  emulated: EmulatedLaunch | null,
): HarnessError | undefined {
  const where = `host ${launch.host.name}`;
  const said = stderr.trim().split('\n').slice(-3).join('\n') || 'it wrote nothing to its standard error';
  if (exitCode === 126 || exitCode === 127) {
    return new HarnessError({
      code: 'HOST_QEMU',
      what: `${launch.binary} cannot be run: ${said}`,
      where,
      hint: 'see "qemu" in hosts.json',
    });
  }
  if (exitCode === 125 && emulated !== null) {
    const odd = [...emulated.log.errors, ...emulated.log.unanswered()].join('; ');
    return new HarnessError({ code: 'FIRMWARE_PROTOCOL', what: `${said}${odd === '' ? '' : ` (${odd})`}`, where });
  }
  if (exitCode !== null && exitCode > 128) {
    return new HarnessError({ code: 'QEMU_KILLED', what: `QEMU ended by signal ${exitCode - 128}: ${said}`, where });
  }
  return undefined;
}

/** A guest that reported was launched: where the trace does not have it, the trace is what is missing. */
function traceTrouble(launch: HostLaunch, seen: Seen, trace: readonly TraceEvent[]): HarnessError | undefined {
  const reported = seen.guest.answers.some(({ report }) => report !== null);
  if (!reported || trace.some(({ event }) => event === 'launch_finish')) return undefined;
  return new HarnessError({
    code: 'LAUNCH_BROKEN',
    what: `the guest reported, but QEMU's trace ends before its launch did (${trace.length} events)`,
    where: `host ${launch.host.name}`,
    hint: 'was the disk of the host full for a while? Or does this QEMU not write traces (`-trace help` lists nothing)?',
  });
}

function stateOf(seen: Seen, exitCode: number | null): Evidence['outcome']['state'] {
  if (seen.guest.ready) return 'ran';
  return exitCode === null || exitCode === 0 ? 'silent' : 'refused';
}

/**
 * Performs one launch and gathers what it left. A refusal is evidence.
 * @throws HarnessError SSH_*, HOST_*, QEMU_KILLED, QMP_PROTOCOL, FIRMWARE_PROTOCOL
 */
export async function launchOnHost(launch: HostLaunch, request: LaunchRequest, signal: AbortSignal): Promise<Evidence> {
  const startedAt = new Date();
  const mark = performance.now();
  const { session, directory, host } = launch;
  const emulated =
    launch.emulation === null
      ? null
      : await emulatedLaunch(
          launch.emulation,
          session,
          host.name,
          `${directory}/${LAUNCH_FILES.firmware}`,
          launch.store,
        );
  const place = await guestPlace(session, directory, request);
  const argv = argvOf(launch, request, place);
  const qemu = await startSupervised(session, {
    directory,
    argv,
    environment: { ...launch.environment, ...emulated?.environment, [LAUNCH_VARIABLE]: directory },
    maxSeconds: launch.limits.guestSeconds + LAUNCH_SECONDS,
    heartbeatSeconds: launch.limits.heartbeatSeconds,
    maxOutputBytes: MAX_OUTPUT_BYTES,
    slot: launch.slot,
    signal,
    ...(launch.asRoot && { asRoot: launch.asRoot }),
  });
  const abort = (): void => void qemu.kill().catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  let listener: { close(): Promise<void> } | undefined;
  const waits = { guestMs: launch.limits.guestSeconds * 1000, answerMs: launch.limits.answerSeconds * 1000 };
  try {
    listener = await emulated?.listen();
    const started = performance.now();
    const seen = await talkToGuest({ session, hostName: host.name, place, qemu, ...waits }, request, signal);
    const spoken = performance.now();
    const exitCode = await finish(qemu, seen.guest.ready ? END_MS : SILENT_END_MS);
    const ended = performance.now();
    const output = { directory, maxOutputBytes: MAX_OUTPUT_BYTES };
    const [stderr, trace, console] = await Promise.all([
      readOutput(session, output, 'stderr'),
      fileText(launch, LAUNCH_FILES.trace),
      // The console of the guest is QEMU's standard output: so it is bounded, however much the guest says.
      readOutput(session, output, 'stdout'),
    ]);
    const trouble = labTrouble(launch, exitCode, stderr, emulated);
    const events = parseTrace(trace);
    const broken = trouble ?? traceTrouble(launch, seen, events);
    if (broken !== undefined) throw broken;
    return {
      format: 'snp-conform/evidence@1',
      kind: launch.emulation === null ? 'hardware' : 'emulated',
      cell: writeCell(request.cell),
      ...(request.scenario === null ? {} : { scenario: request.scenario }),
      host,
      startedAt: startedAt.toISOString(),
      artifacts: {
        firmware: {
          name: request.firmware.name,
          sha256: request.firmware.sha256,
          descriptor: writeFirmwareDescriptor(request.firmwareDescriptor),
        },
        kernel: request.kernel && { name: request.kernel.name, sha256: request.kernel.sha256 },
        initrd: request.initrd && { name: request.initrd.name, sha256: request.initrd.sha256 },
      },
      sent: {
        argv,
        ...(request.scenario === null ? {} : { guestPolicy: `0x${request.guestPolicy.toString(16)}` }),
        idBlock: base64OrNull(request.identity.idBlock),
        idAuth: base64OrNull(request.identity.idAuth),
        authorKeyEnabled: request.identity.authorKeyEnabled,
        hostData: hex(request.hostData),
        nonce: hex(request.nonce),
        secondNonce: hex(request.secondNonce),
      },
      outcome: {
        state: stateOf(seen, exitCode),
        exitCode,
        refusal: findRefusal(stderr) ?? null,
        trace: events,
        qmpEvents: seen.events,
        querySev: seen.querySev,
        stderr,
        console,
        ...guestOutcome(seen.guest),
      },
      timingsMs: {
        slot: qemu.waitedMs,
        start: started - mark - qemu.waitedMs,
        guest: spoken - started,
        end: ended - spoken,
      },
    };
  } finally {
    signal.removeEventListener('abort', abort);
    await listener?.close();
    await qemu.release();
  }
}
