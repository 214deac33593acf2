import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import { HarnessError } from '../errors.ts';
import { provenanceOf } from '../evidence/host-report.ts';
import type { Evidence, HostProvenance } from '../evidence/schema.ts';
import { ensureArtifact } from './artifact-store.ts';
import type { Emulation } from './emulation.ts';
import type { Host, LaunchRequest, LocalArtifact } from './host.ts';
import type { HostEntry } from './hosts-file.ts';
import { launchOnHost } from './launch.ts';
import { examinationError, examineHost } from './preflight/examine.ts';
import type { Session } from './session.ts';

/** A host that runs the real QEMU at the far end of a session: SNP hardware, or emulated by the KVM shim. */
export class QemuHost implements Host {
  readonly name: string;
  readonly #entry: HostEntry;
  readonly #session: Session;
  readonly #emulation: Emulation | null;
  #provenance: Promise<HostProvenance> | undefined;

  /** @param provenance what preflight found; null: the host is examined at first use */
  constructor(entry: HostEntry, session: Session, emulation: Emulation | null, provenance: HostProvenance | null) {
    this.name = entry.name;
    this.#entry = entry;
    this.#session = session;
    this.#emulation = emulation;
    this.#provenance = provenance === null ? undefined : Promise.resolve(provenance);
  }

  /** Asked once; what the host is does not change within a run. */
  provenance(): Promise<HostProvenance> {
    this.#provenance ??= this.#examine();
    return this.#provenance;
  }

  async #examine(): Promise<HostProvenance> {
    const examination = await examineHost(this.#entry, this.#session, this.#emulation);
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
    const store = `${this.#entry.directory}/store`;
    const upload = pLimit(4);
    const ensure = (artifact: LocalArtifact | null): Promise<string | null> =>
      artifact === null ? Promise.resolve(null) : upload(() => ensureArtifact(this.#session, store, artifact));
    const [firmware, kernel, initrd] = await Promise.all(
      [request.firmware, request.kernel, request.initrd].map(ensure),
    );
    return launchOnHost(
      {
        session: this.#session,
        host,
        emulation: this.#emulation,
        binary: qemu.path,
        directory: `${this.#entry.directory}/run/${randomBytes(5).toString('hex')}`,
        store,
        firmware: firmware ?? request.firmware.path,
        kernel: kernel ?? null,
        initrd: initrd ?? null,
      },
      request,
      signal,
    );
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
