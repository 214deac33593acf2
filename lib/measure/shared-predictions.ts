import { PAGE_TYPE, vmsaGpaOf } from '../abi/page-info.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
import { hashVmsas, measureSections, sectionRegions, type VmsaPages } from './launch-steps.ts';
import { checkVcpus } from './predict.ts';
import { applicationVmsa, bootVmsa } from './vmsa.ts';

/** What launches of one firmware, kernel hashes and profile share: all pages before the first vCPU. */
interface Trunk {
  /** 48 bytes: the launch digest before the first vCPU. */
  digest: Uint8Array;
  /** By the kind of vCPU: the launch digest after vCPU 0, 1, ... as far as it was asked for. */
  chains: Map<string, Uint8Array[]>;
}

const keyOf = (hashes: KernelHashes | null): string =>
  hashes === null ? '' : Buffer.concat([hashes.kernel, hashes.initrd, hashes.cmdline]).toString('latin1');

/** The value of a key, made where it is not there yet. */
function known<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/**
 * Launch digests of many launches, each page hashed once however many launches it is part of: sections per firmware,
 * kernel hashes and profile; VMSAs per reset vector, signature and features; and of each kind of vCPU one chain, of which
 * every count is a prefix. Firmware descriptors are told apart by identity.
 */
export class SharedPredictions {
  readonly #trunks = new WeakMap<FirmwareDescriptor, Map<string, Trunk>>();
  readonly #vmsas = new Map<string, VmsaPages>();

  #trunk({ firmware, kernelHashes, profile }: LaunchInputs): Trunk {
    const trunks = known(this.#trunks, firmware, () => new Map<string, Trunk>());
    return known(trunks, `${profile.name} ${profile.vmsaAddressBits} ${keyOf(kernelHashes)}`, () => {
      const context = new LaunchContext(firmware.pagesDigest);
      measureSections(context, sectionRegions(firmware, kernelHashes, profile));
      return { digest: context.digest, chains: new Map() };
    });
  }

  #vmsaHashes(inputs: LaunchInputs, kind: string): VmsaPages {
    const { resetVector } = inputs.firmware;
    return known(this.#vmsas, `${resetVector} ${inputs.profile.name} ${kind}`, () =>
      hashVmsas({ boot: bootVmsa(inputs), application: applicationVmsa(resetVector, inputs) }),
    );
  }

  /**
   * The launch digest that `predict` gives for the same inputs.
   * @returns 48 bytes, not to be written to   @throws HarnessError as `predict`
   */
  launchDigest(inputs: LaunchInputs): Uint8Array {
    checkVcpus(inputs);
    const trunk = this.#trunk(inputs);
    const kind = `${inputs.vcpuSignature} ${inputs.guestFeatures}`;
    const chain = known(trunk.chains, kind, () => []);
    const digest = chain[inputs.vcpus - 1];
    if (digest !== undefined) return digest;
    const { boot, application } = this.#vmsaHashes(inputs, kind);
    const context = new LaunchContext(chain.at(-1) ?? trunk.digest);
    const gpa = vmsaGpaOf(inputs.profile.vmsaAddressBits);
    while (chain.length < inputs.vcpus) {
      context.page(PAGE_TYPE.VMSA, gpa, chain.length === 0 ? boot : application);
      chain.push(context.digest);
    }
    return context.digest;
  }
}
