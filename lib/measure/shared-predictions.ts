import { PAGE_TYPE, vmsaGpaOf } from '../abi/page-info.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
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

/** The launch digests after vCPU 0, 1, ... of one kind, as far as they were asked for: strings of 48 bytes. */
type Chain = string[];

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

const bytesOf = (digest: string): Uint8Array => new Uint8Array(Buffer.from(digest, 'latin1'));

function extend(chain: Chain, trunk: Trunk, { vcpus, profile }: LaunchInputs, hashes: VmsaPages): void {
  const last = chain.at(-1);
  const context = new LaunchContext(last === undefined ? trunk.digest : bytesOf(last));
  const gpa = vmsaGpaOf(profile.vmsaAddressBits);
  const measuredHere = chain.length;
  for (let index = measuredHere; index < vcpus; index += 1) {
    const again = index > Math.max(1, measuredHere);
    chain.push(
      again ? context.pageAgain() : context.page(PAGE_TYPE.VMSA, gpa, index === 0 ? hashes.boot : hashes.application),
    );
  }
}

/**
 * Launch digests of many launches, each page hashed once however many launches it is part of: sections per firmware,
 * kernel hashes and profile; VMSAs per reset vector, signature and features; and of each kind of vCPU one chain, of which
 * every count is a prefix. Firmware descriptors and profiles are told apart by identity.
 */
export class SharedPredictions {
  readonly #trunks = new WeakMap<FirmwareDescriptor, Map<VmmProfile, Map<string, Trunk>>>();
  readonly #vmsas = new Map<string, VmsaPages>();

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

  /**
   * The launch digest that `predict` gives for the same inputs.
   * @returns 48 bytes   @throws HarnessError as `predict`
   */
  launchDigest(inputs: LaunchInputs): Uint8Array {
    checkVcpus(inputs);
    const trunk = this.#trunk(inputs);
    const ofSignature = known(trunk.chains, inputs.vcpuSignature, () => new Map<bigint, Chain>());
    const chain = known(ofSignature, inputs.guestFeatures, (): Chain => []);
    if (chain.length < inputs.vcpus) extend(chain, trunk, inputs, this.#vmsaHashes(inputs));
    return bytesOf(chain[inputs.vcpus - 1] ?? '');
  }
}
