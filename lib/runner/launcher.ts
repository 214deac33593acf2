import { randomBytes } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import type { InputFile } from '../evidence/input-file.ts';
import type { Evidence, HostProvenance, LiveProcess, Probe } from '../evidence/schema.ts';
import type { FileAtHand } from '../explain/launch-state.ts';
import type { Host, LaunchRequest, LocalArtifact } from '../host/host.ts';
import { generateKeys, type OwnerKeys } from '../identity/keys.ts';
import type { Cell } from '../matrix/cell.ts';
import type { GuestChannel } from '../matrix/guest-channel.ts';
import type { Matrix } from '../matrix/matrix-file.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { rightIdentity } from '../scenarios/identity-scenarios.ts';
import { OPEN, OWN_SUITE } from '../scenarios/own-launch.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import { needOf } from '../scenarios/refused-for.ts';
import type { Scenario, SentIdentity } from '../scenarios/scenario.ts';
import { expectationOf } from '../scenarios/scenarios.ts';
import { Artifacts, bootFile, type FirmwareArtifact } from './artifacts.ts';
import type { Attestor } from './attestor.ts';
import { measurementOf, type ProbeAsk, type Prober } from './explain-cell.ts';
import type { HashesAhead } from './hashes-ahead.ts';
import type { ArtifactsAtHand } from './known-cell.ts';
import type { CellLaunch, EvidenceSource, LaunchAccount, PredictedEvidence } from './outcome.ts';
import { artifactPath } from './plan.ts';
import { type MeasuredArtifacts, measuredArtifacts, predictCell } from './predict-cell.ts';
import type { Reference } from './reference.ts';

/** Source: QEMU hw/i386/x86-common.c, x86_bios_rom_init. */
const QEMU_FIRMWARE_UNIT = 64 * 1024;

/** A bit of the policy that tells two policies apart: the lowest of ABI_MINOR. Source: AMD 56860, guest policy. */
const POLICY_BIT = 1n;

/** A launch without an ID block. */
const NO_IDENTITY: SentIdentity = { idBlock: null, idAuth: null, authorKeyEnabled: false };

/** Holds an image to the sizes that QEMU takes. @param where names it   @throws HarnessError OVMF_SIZE */
function checkQemuTakes({ sizeBytes }: FirmwareDescriptor, where: string): void {
  if ((sizeBytes ?? 0) % QEMU_FIRMWARE_UNIT === 0) return;
  throw new HarnessError({
    code: 'OVMF_SIZE',
    what: `QEMU's -bios takes multiples of 64 KiB, this image has ${sizeBytes} bytes`,
    where,
    hint: 'use the whole image (OVMF.fd, OVMF.amdsev.fd), not OVMF_CODE or OVMF_VARS',
  });
}

type CellArtifacts = Pick<LaunchRequest, 'firmware' | 'firmwareDescriptor' | 'kernel' | 'initrd'>;

/** The files of a matrix's cells, found and hashed once a process. */
export class MatrixArtifacts {
  readonly #matrix: Matrix;
  readonly #matrixFile: string;
  readonly #cacheFolder: string;
  readonly #artifacts = new Artifacts();

  constructor(matrix: Matrix, matrixFile: string, cacheFolder: string) {
    this.#matrix = matrix;
    this.#matrixFile = matrixFile;
    this.#cacheFolder = cacheFolder;
  }

  /** The path of an artifact; null where none has that name. */
  #path(kind: 'firmware' | 'kernel' | 'initrd', name: string | null): string | null {
    const path = name === null ? undefined : this.#matrix.artifacts[kind][name]?.path;
    return path === undefined ? null : artifactPath(path, this.#matrixFile, this.#cacheFolder);
  }

  async #file(kind: 'kernel' | 'initrd', name: string | null): Promise<LocalArtifact | null> {
    const path = this.#path(kind, name);
    return name === null || path === null ? null : this.#artifacts.file(name, path);
  }

  #firmwarePath(name: string): string {
    const path = this.#path('firmware', name);
    if (path !== null) return path;
    throw new HarnessError({ code: 'MATRIX_INVALID', what: `no firmware named ${name}` });
  }

  /** Names a firmware and its file, for messages. @throws HarnessError MATRIX_INVALID */
  firmwarePlace(name: string): string {
    return `firmware ${name}, ${this.#firmwarePath(name)}`;
  }

  async #firmware(name: string): Promise<FirmwareArtifact> {
    return this.#artifacts.firmware(name, this.#firmwarePath(name));
  }

  /** How reports come out of the guests of the matrix. */
  get guest(): GuestChannel {
    return this.#matrix.guest;
  }

  /** @throws HarnessError FILE_UNREADABLE, OVMF_*, MATRIX_INVALID */
  async of(cell: Cell): Promise<CellArtifacts> {
    const [{ file: firmware, descriptor: firmwareDescriptor }, kernel, initrd] = await Promise.all([
      this.#firmware(cell.firmware),
      this.#file('kernel', cell.kernel),
      this.#file('initrd', cell.initrd),
    ]);
    checkQemuTakes(firmwareDescriptor, this.firmwarePlace(cell.firmware));
    return { firmware, firmwareDescriptor, kernel, initrd };
  }

  /** Kernel and initrd of a cell, as far as it has them. */
  bootFiles({ kernel, initrd }: Cell): InputFile[] {
    return [this.#bootFile('kernel', kernel), this.#bootFile('initrd', initrd)].filter((file) => file !== null);
  }

  #bootFile(kind: 'kernel' | 'initrd', name: string | null): InputFile | null {
    const path = this.#path(kind, name);
    return name === null || path === null ? null : bootFile(name, path);
  }

  /** What a digest needs of the files of a cell. @param hashes of kernels and initrds   @throws HarnessError as `of` */
  async measured({ firmware: name, kernel, initrd }: Cell, hashes: HashesAhead): Promise<MeasuredArtifacts> {
    const path = this.#firmwarePath(name);
    const firmware = await this.#artifacts.measuredFirmware(name, path);
    checkQemuTakes(firmware, this.firmwarePlace(name));
    const hashed = async (file: InputFile | null): Promise<Uint8Array | null> => file && hashes.sha256Of(file);
    return {
      firmware,
      kernel: await hashed(this.#bootFile('kernel', kernel)),
      initrd: await hashed(this.#bootFile('initrd', initrd)),
    };
  }

  /** All artifacts of the matrix, for those who look for the one that was used; those that cannot be read are none. */
  async atHand(): Promise<ArtifactsAtHand> {
    const names = (kind: 'firmware' | 'kernel' | 'initrd'): string[] => Object.keys(this.#matrix.artifacts[kind]);
    const readable = async <T>(reading: Promise<T>): Promise<T[]> => {
      try {
        return [await reading];
      } catch (error) {
        if (error instanceof HarnessError) return [];
        throw error;
      }
    };
    const firmwares = await Promise.all(names('firmware').map((name) => readable(this.#firmware(name))));
    const files = async (kind: 'kernel' | 'initrd'): Promise<FileAtHand[]> => {
      const found = await Promise.all(names(kind).map((name) => readable(this.#file(kind, name))));
      return found.flat().flatMap((file) => {
        if (file === null) return [];
        return [
          { name: file.name, sha256: new Uint8Array(Buffer.from(file.sha256, 'hex')), origin: 'at-hand' as const },
        ];
      });
    };
    return {
      firmwares: firmwares.flat().map(({ file, descriptor }) => ({ name: file.name, descriptor, origin: 'at-hand' })),
      kernels: await files('kernel'),
      initrds: await files('initrd'),
    };
  }
}

/** Where the certificates of a host's reports come from. */
export interface CertificateSource {
  /** Does the host give its guests any? */
  fromHost: boolean;
  /** Whose certificates are they? Only who issues them can make wrong ones. */
  issuer: 'AMD' | 'emulated';
  /** Are its reports signed by a VLEK? */
  signsWith: 'VCEK' | 'VLEK';
  /** Made when first asked for, and kept. */
  attestor: () => Promise<Attestor>;
}

/** Launches cells on one host: predicts, signs, and lets the host launch. */
export class Launcher implements EvidenceSource, Prober {
  readonly #artifacts: MatrixArtifacts;
  readonly #host: Host;
  readonly #reference: Reference;
  readonly #certificates: CertificateSource;
  /** Keys of people who exist for this process only: nothing signed here is worth anything elsewhere. */
  #keys: { owner: OwnerKeys; stranger: OwnerKeys } | undefined;

  constructor(host: Host, artifacts: MatrixArtifacts, reference: Reference, certificates: CertificateSource) {
    this.#host = host;
    this.#artifacts = artifacts;
    this.#reference = reference;
    this.#certificates = certificates;
  }

  /** What a launch starts with; undefined: what is known of the host does not tell. */
  #guestPolicy({ cell, scenario }: CellLaunch, host: HostProvenance): bigint | undefined {
    return scenario === undefined ? cell.guestPolicy : scenario.guestPolicy(cell.guestPolicy, policyFactsOf(host));
  }

  provenance(): Promise<HostProvenance> {
    return this.#host.provenance();
  }

  async expectationOf(launch: CellLaunch): Promise<Expectation> {
    if (launch.scenario === undefined) return { outcome: 'accepted' };
    if (launch.scenario.suite === OWN_SUITE) return OPEN;
    if (launch.scenario.attestation?.workflow === 'extended' && !this.#certificates.fromHost) {
      return { outcome: 'unknown', why: 'hosts.json does not say that this host gives its guests certificates' };
    }
    const lacks = this.#lacks(launch.scenario);
    if (lacks !== undefined) return { outcome: 'unknown', why: lacks };
    const host = await this.#host.provenance();
    const policy = this.#guestPolicy(launch, host);
    if (policy !== undefined) return expectationOf(launch.scenario, policy, policyFactsOf(host));
    return { outcome: 'unknown', why: 'it is not known which ABI the firmware of this host has' };
  }

  /** What is needed for a report that must be refused, and is not there. */
  #lacks({ attestation }: Scenario): string | undefined {
    if (attestation?.refused === undefined) return undefined;
    const { wrong, key } = needOf(attestation.refused);
    if (wrong !== undefined && this.#certificates.issuer === 'AMD') {
      return 'it needs certificates that are wrong on purpose, which only an emulated issuer makes';
    }
    return key !== undefined && this.#certificates.signsWith !== key
      ? `it is about reports that a ${key} signs, and a ${this.#certificates.signsWith} signs those of this host ("cspId" of its "attestation" in hosts.json says so)`
      : undefined;
  }

  async evidenceOf(launch: CellLaunch, signal: AbortSignal): Promise<PredictedEvidence> {
    const { cell, scenario } = launch;
    const local = await this.#artifacts.of(cell);
    const host = await this.#host.provenance();
    const { vmmProfile } = host;
    const guestPolicy = this.#guestPolicy(launch, host);
    if (guestPolicy === undefined) {
      throw new HarnessError({ code: 'INTERNAL', what: `${scenario?.name}: launched though its policy is not known` });
    }
    const measured = measuredArtifacts(local.firmwareDescriptor, local.kernel, local.initrd);
    const prediction = predictCell(cell, measured, vmmProfile);
    const launchDigest = this.#reference.digestOf(cell.id, vmmProfile) ?? prediction.launchDigest;
    const identity = (scenario?.identity ?? rightIdentity)({ launchDigest, guestPolicy, ...this.#people() });
    const request = (): LaunchRequest => this.#request(launch, local, { guestPolicy, identity });
    const first = await this.#host.launch(request(), signal);
    // A second launch has something to agree with, or the first one says what is wrong.
    const twice = scenario?.attestation?.launches === 2 && first.outcome.report !== null;
    const evidence = twice ? await this.#host.launch(request(), signal) : first;
    return { prediction, evidence: await this.#attested(evidence, scenario, twice ? first.outcome.report : null) };
  }

  /** The evidence with what its report is to be verified with, where the scenario asks for that. */
  async #attested(evidence: Evidence, scenario: Scenario | undefined, earlierReport: string | null): Promise<Evidence> {
    if (scenario?.attestation === undefined) return evidence;
    const attestor = await this.#certificates.attestor();
    return { ...evidence, attestation: await attestor.attest(evidence, scenario.attestation, earlierReport) };
  }

  #request(
    { cell, scenario }: CellLaunch,
    local: CellArtifacts,
    { guestPolicy, identity }: { guestPolicy: bigint; identity: SentIdentity },
  ): LaunchRequest {
    return {
      cell,
      scenario: scenario?.name ?? null,
      guestPolicy,
      ...local,
      identity,
      hostData: randomBytes(32),
      guest: this.#artifacts.guest,
      nonce: randomBytes(64),
      secondNonce: randomBytes(64),
    };
  }

  proberOf(): Prober {
    return this;
  }

  artifactsAtHand(): Promise<ArtifactsAtHand> {
    return this.#artifacts.atHand();
  }

  takeAccount(): LaunchAccount {
    return { notices: [] };
  }

  /**
   * Launches a cell once more to explain it. Without an ID block its guest runs and reports; with the digest of a hypothesis
   * the policy of the ID block is a wrong one, so that the firmware says which of the two it refuses, and no guest boots.
   */
  async probe(cell: Cell, ask: ProbeAsk, signal: AbortSignal): Promise<Probe> {
    const local = await this.#artifacts.of(cell);
    const { guestPolicy } = cell;
    const identity =
      ask.purpose === 'report'
        ? NO_IDENTITY
        : rightIdentity({ launchDigest: ask.digest, guestPolicy: guestPolicy ^ POLICY_BIT, ...this.#people() });
    let process: LiveProcess | null = null;
    const request = this.#request({ cell, scenario: undefined }, local, { guestPolicy, identity });
    const watched: LaunchRequest =
      ask.purpose === 'report'
        ? {
            ...request,
            onProcess: (seen) => {
              process = seen;
            },
          }
        : request;
    const { outcome } = await this.#host.launch(watched, signal);
    return {
      purpose: ask.purpose,
      digest: ask.purpose === 'oracle' ? Buffer.from(ask.digest).toString('hex') : null,
      state: outcome.state,
      refusal: outcome.refusal,
      measurement: measurementOf(outcome.report),
      process,
    };
  }

  #people(): { owner: OwnerKeys; stranger: OwnerKeys } {
    this.#keys ??= { owner: generateKeys(), stranger: generateKeys() };
    return this.#keys;
  }

  close(): Promise<void> {
    return this.#host.close();
  }
}
