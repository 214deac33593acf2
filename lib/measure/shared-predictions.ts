import { PAGE_TYPE, vmsaGpaOf } from '../abi/page-info.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from './inputs.ts';
import { DIGEST_BYTES, LaunchContext } from './launch-context.ts';
import { hashVmsas, measureSections, sectionRegions } from './launch-steps.ts';
import { checkVcpus } from './predict.ts';
import type { VmmProfile } from './vmm-profiles.ts';
import { type VmsaPages, vmsaPages } from './vmsa.ts';

/** What launches of one firmware, kernel hashes and profile share: all pages before the first vCPU. */
interface Trunk {
  /** 48 bytes: the launch digest before the first vCPU. */
  digest: Uint8Array;
  /** By signature and guest features, which say of what kind a vCPU is. */
  chains: Map<number | null, Map<bigint, Chain>>;
}

/** The vCPUs of one kind on one trunk. */
interface Chain {
  /** CONTENTS of their pages. */
  vmsas: VmsaPages;
  /**
   * The launch digests after vCPU 0, 1, ..., as far as they were asked for: 48 bytes each, one after another. Bytes, since
   * a hundred thousand strings that stay would keep the garbage collector busy.
   */
  digests: Uint8Array;
}

/** The contents of kernel hashes as a key, made once for each object: a matrix has few, and asks ten thousand times. */
const KEYS = new WeakMap<KernelHashes, string>();

function keyOf(hashes: KernelHashes | null): string {
  if (hashes === null) return '';
  return known(KEYS, hashes, () => Buffer.concat([hashes.kernel, hashes.initrd, hashes.cmdline]).toString('latin1'));
}

/** The value of a key, made where it is not there yet. */
function known<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

const digestAt = ({ digests }: Chain, index: number): Uint8Array =>
  digests.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);

/**
 * Launch digests of many launches, each page hashed once however many launches it is part of: sections per firmware,
 * kernel hashes and profile; VMSAs per reset vector, signature and features; and of each kind of vCPU one chain, of which
 * every count is a prefix. Firmware descriptors and profiles are told apart by identity.
 */
export class SharedPredictions {
  readonly #trunks = new WeakMap<FirmwareDescriptor, Map<VmmProfile, Map<string, Trunk>>>();
  readonly #vmsas = new Map<string, VmsaPages>();
  readonly #context = new LaunchContext();

  #trunk({ firmware, kernelHashes, profile }: LaunchInputs): Trunk {
    const ofFirmware = known(this.#trunks, firmware, () => new Map<VmmProfile, Map<string, Trunk>>());
    const ofProfile = known(ofFirmware, profile, () => new Map<string, Trunk>());
    return known(ofProfile, keyOf(kernelHashes), () => {
      const context = new LaunchContext(firmware.pagesDigest);
      measureSections(context, sectionRegions(firmware, kernelHashes, profile));
      return { digest: context.digest, chains: new Map() };
    });
  }

  #vmsaHashes(inputs: LaunchInputs): VmsaPages {
    const { firmware, profile, vcpuSignature, guestFeatures } = inputs;
    const key = `${firmware.resetVector} ${profile.name} ${vcpuSignature} ${guestFeatures}`;
    return known(this.#vmsas, key, () => hashVmsas(vmsaPages(firmware.resetVector, inputs)));
  }

  /** Walks a chain on to a count of vCPUs. */
  #extend(chain: Chain, trunk: Trunk, { vcpus, profile }: LaunchInputs): void {
    const { boot, application } = chain.vmsas;
    const gpa = vmsaGpaOf(profile.vmsaAddressBits);
    const measured = chain.digests.length / DIGEST_BYTES;
    const digests = new Uint8Array(vcpus * DIGEST_BYTES);
    digests.set(chain.digests);
    this.#context.restart(measured === 0 ? trunk.digest : digestAt(chain, measured - 1));
    for (let index = measured; index < vcpus; index += 1) {
      if (index > Math.max(1, measured)) this.#context.pageAgain();
      else this.#context.page(PAGE_TYPE.VMSA, gpa, index === 0 ? boot : application);
      this.#context.writeDigest(digests, index * DIGEST_BYTES);
    }
    chain.digests = digests;
  }

  /**
   * The launch digest that `predict` gives for the same inputs.
   * @returns 48 bytes   @throws HarnessError as `predict`
   */
  launchDigest(inputs: LaunchInputs): Uint8Array {
    checkVcpus(inputs);
    const trunk = this.#trunk(inputs);
    const ofSignature = known(trunk.chains, inputs.vcpuSignature, () => new Map<bigint, Chain>());
    const chain = known(
      ofSignature,
      inputs.guestFeatures,
      (): Chain => ({ vmsas: this.#vmsaHashes(inputs), digests: new Uint8Array(0) }),
    );
    if (chain.digests.length < inputs.vcpus * DIGEST_BYTES) this.#extend(chain, trunk, inputs);
    return digestAt(chain, inputs.vcpus - 1);
  }
}
