import { PAGE_TYPE, vmsaGpaOf } from '../abi/page-info.ts';
import type { FirmwareDescriptor, KernelHashes, LaunchInputs } from './inputs.ts';
import { DIGEST_BYTES, LaunchContext } from './launch-context.ts';
import { hashVmsas, measureSections, sectionRegions } from './launch-steps.ts';
import { checkVcpus } from './predict.ts';
import { type VmsaPages, vmsaPages } from './vmsa.ts';

/** What launches of one firmware, kernel hashes and profile share: all pages before the first vCPU. */
interface Trunk {
  /** 48 bytes: the launch digest before the first vCPU. */
  digest: Uint8Array;
  /** By the kind of vCPU. */
  chains: Map<string, Chain>;
}

/** The launch digests after vCPU 0, 1, ... of one kind, as far as they were asked for: 48 bytes each, one after the other. */
interface Chain {
  digests: Uint8Array;
  length: number;
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

function digestAfter({ digests }: Chain, vcpus: number): Uint8Array {
  return digests.slice((vcpus - 1) * DIGEST_BYTES, vcpus * DIGEST_BYTES);
}

function extend(chain: Chain, trunk: Trunk, { vcpus, profile }: LaunchInputs, hashes: VmsaPages): void {
  const context = new LaunchContext(chain.length === 0 ? trunk.digest : digestAfter(chain, chain.length));
  const digests = new Uint8Array(vcpus * DIGEST_BYTES);
  digests.set(chain.digests);
  const gpa = vmsaGpaOf(profile.vmsaAddressBits);
  for (let index = chain.length; index < vcpus; index += 1) {
    if (index > Math.max(1, chain.length)) context.pageAgain();
    else context.page(PAGE_TYPE.VMSA, gpa, index === 0 ? hashes.boot : hashes.application);
    context.copyDigest(digests, index * DIGEST_BYTES);
  }
  chain.digests = digests;
  chain.length = vcpus;
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
      hashVmsas(vmsaPages(resetVector, inputs)),
    );
  }

  /**
   * The launch digest that `predict` gives for the same inputs.
   * @returns 48 bytes   @throws HarnessError as `predict`
   */
  launchDigest(inputs: LaunchInputs): Uint8Array {
    checkVcpus(inputs);
    const trunk = this.#trunk(inputs);
    const kind = `${inputs.vcpuSignature} ${inputs.guestFeatures}`;
    const chain = known(trunk.chains, kind, () => ({ digests: new Uint8Array(0), length: 0 }));
    if (chain.length < inputs.vcpus) extend(chain, trunk, inputs, this.#vmsaHashes(inputs, kind));
    return digestAfter(chain, inputs.vcpus);
  }
}
