import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { HarnessError } from '../errors.ts';
import { provenanceOf } from '../evidence/host-report.ts';
import type { Evidence, HostProvenance } from '../evidence/schema.ts';
import { ensureArtifact, recheckArtifact } from './artifact-store.ts';
import type { Emulation } from './emulation.ts';
import type { Host, LaunchRequest, LocalArtifact } from './host.ts';
import type { HostEntry } from './hosts-file.ts';
import { launchOnHost } from './launch.ts';
import { limitsOf } from './limits.ts';
import { examinationError, examineHost } from './preflight/examine.ts';
import type { TreePacker } from './qemu-tree.ts';
import type { Session } from './session.ts';

/** What a host is opened with. */
export interface QemuHostOptions {
  entry: HostEntry;
  /** Connects; asked at first use. */
  open(): Promise<Session>;
  /** Null: SNP hardware. */
  emulation: Emulation | null;
  /** Packs the QEMU builds that are folders here. */
  trees: TreePacker;
  /** What preflight found; null: the host is examined at first use. */
  provenance: HostProvenance | null;
  /** How many guests run there at once, whoever starts them. */
  slots: number;
  /** Who launches, for whoever waits for a slot: one line without secrets. */
  holder: string;
}

/** A host that runs the real QEMU at the far end of a session: SNP hardware, or emulated by the KVM shim. */
export class QemuHost implements Host {
  readonly name: string;
  readonly #options: QemuHostOptions;
  #provenance: Promise<HostProvenance> | undefined;
  #session: Promise<Session> | undefined;

  constructor(options: QemuHostOptions) {
    this.name = options.entry.name;
    this.#options = options;
    this.#provenance = options.provenance === null ? undefined : Promise.resolve(options.provenance);
  }

  /** Asked once; what the host is does not change within a run. */
  provenance(): Promise<HostProvenance> {
    this.#provenance ??= this.#examine();
    return this.#provenance;
  }

  #connected(): Promise<Session> {
    this.#session ??= this.#options.open();
    return this.#session;
  }

  async #examine(): Promise<HostProvenance> {
    const { entry, emulation, trees } = this.#options;
    const examination = await examineHost(entry, await this.#connected(), emulation, trees);
    const provenance = provenanceOf(examination);
    if (provenance !== undefined) return provenance;
    throw examinationError(examination, this.name);
  }

  async launch(request: LaunchRequest, signal: AbortSignal): Promise<Evidence> {
    const host = await this.provenance();
    const qemu = host.qemu[request.cell.qemu];
    if (qemu === undefined) {
      throw new HarnessError({
        code: 'HOSTS_INVALID',
        what: `the host has no QEMU build named "${request.cell.qemu}"`,
        where: `host ${this.name}, cell ${request.cell.id}`,
        hint: `builds in hosts.json: ${Object.keys(host.qemu).join(', ')}`,
      });
    }
    const { entry, emulation, slots, holder } = this.#options;
    const session = await this.#connected();
    const store = `${entry.directory}/store`;
    const limits = limitsOf(entry);
    const upload = pLimit(4);
    const ensure = (artifact: LocalArtifact | null): Promise<string | null> =>
      artifact === null ? Promise.resolve(null) : upload(() => ensureArtifact(session, store, artifact));
    const [firmware, kernel, initrd] = await Promise.all(
      [request.firmware, request.kernel, request.initrd].map(ensure),
    );
    const evidence = await launchOnHost(
      {
        session,
        host,
        emulation,
        binary: qemu.path,
        directory: `${entry.directory}/run/${randomBytes(5).toString('hex')}`,
        store,
        firmware: firmware ?? request.firmware.path,
        kernel: kernel ?? null,
        initrd: initrd ?? null,
        slot: {
          folder: `${entry.directory}/slots`,
          count: slots,
          waitSeconds: limits.slotWaitSeconds,
          holder: `${holder} ${request.cell.id}`,
        },
        limits,
        environment: entry.environment ?? {},
        asRoot: entry.sudo && 'sudo',
      },
      request,
      signal,
    );
    // A launch that was refused may have been of other files than those that were brought there.
    if (evidence.outcome.state !== 'ran') {
      const brought = [
        [firmware, request.firmware],
        [kernel, request.kernel],
        [initrd, request.initrd],
      ] as const;
      await Promise.all(
        brought.map(([path, artifact]) => path && artifact && recheckArtifact(session, path, artifact)),
      );
    }
    return evidence;
  }

  async close(): Promise<void> {
    // A connection that was never made needs no end.
    const session = await this.#session?.catch(() => undefined);
    await session?.close();
  }
}
