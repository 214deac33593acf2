import { fieldOf } from '../../lib/abi/layout.ts';
import { PAGE_TYPE, VMSA_GPA } from '../../lib/abi/page-info.ts';
import { VMSA } from '../../lib/abi/vmsa.ts';
import type { LaunchInputs } from '../../lib/measure/inputs.ts';
import { LaunchContext } from '../../lib/measure/launch-context.ts';
import { measureSections, type SectionRegion, sectionRegions } from '../../lib/measure/launch-steps.ts';
import { predict } from '../../lib/measure/predict.ts';
import { sha256, sha384 } from '../../lib/measure/sha.ts';
import { applicationVmsa, bootVmsa } from '../../lib/measure/vmsa.ts';

type Regions = readonly SectionRegion[];
type Registers = readonly (readonly [name: (typeof VMSA)[number]['name'], value: bigint])[];

/** What is done otherwise than `predict` does it: to the regions of sections, and to the pages of vCPUs. */
interface Deviation {
  regions?: (regions: Regions) => Regions;
  boot?: Registers;
  application?: Registers;
  vcpus?: number;
}

/** Writes numbers into a page, at the offsets of the layout. */
function written(page: Uint8Array, registers: Registers = []): Uint8Array {
  const bytes = Buffer.from(page);
  for (const [name, value] of registers) {
    const { at, bytes: length } = fieldOf(VMSA, name);
    for (let index = 0; index < length; index += 1) bytes[at + index] = Number((value >> BigInt(8 * index)) & 0xffn);
  }
  return bytes;
}

/** The launch digest of inputs, measured step by step with a deviation. */
export function deviating(inputs: LaunchInputs, deviation: Deviation): Uint8Array {
  const regions = sectionRegions(inputs.firmware, inputs.kernelHashes, inputs.profile);
  const context = new LaunchContext(inputs.firmware.pagesDigest);
  measureSections(context, deviation.regions?.(regions) ?? regions);
  const boot = sha384(written(bootVmsa(inputs), deviation.boot));
  const application = sha384(written(applicationVmsa(inputs.firmware.resetVector, inputs), deviation.application));
  for (let index = 0; index < (deviation.vcpus ?? inputs.vcpus); index += 1) {
    context.page(PAGE_TYPE.VMSA, VMSA_GPA, index === 0 ? boot : application);
  }
  return context.digest;
}

const both = (registers: Registers): Deviation => ({ boot: registers, application: registers });
const is = (name: string) => (region: SectionRegion) => region.what === name;
const other = (name: string) => (region: SectionRegion) => region.what !== name;

function as(name: string, pageType: number): Deviation {
  return {
    regions: (all) =>
      all.map((region) =>
        is(name)(region)
          ? { ...region, pageType, contents: pageType === PAGE_TYPE.NORMAL ? new Uint8Array(region.bytes) : null }
          : region,
      ),
  };
}

const byAddress = (all: Regions): Regions => [...all].sort((left, right) => Number(left.gpa - right.gpa));

/** What the examples call `by hand`, by the words that they use. */
const BY_HAND: Readonly<Record<string, Deviation>> = {
  'no FPU state in application processors': {
    application: [
      ['mxcsr', 0n],
      ['x87Fcw', 0n],
    ],
  },
  'MXCSR without FCW': both([['x87Fcw', 0n]]),
  'CR4.MCE 0': both([['cr4', 0n]]),
  'CR0.CD and CR0.NW 1': both([['cr0', 0x6000_0010n]]),
  'the PAT of GCE': both([['gPat', 0x70106n]]),
  'no VMSA': { vcpus: 0 },
  'the section of the SVSM calling area left out': { regions: (all) => all.filter(other('SVSM_CAA')) },
  'the SVSM calling area as a NORMAL page of zeros': as('SVSM_CAA', PAGE_TYPE.NORMAL),
  'the section of kernel hashes left out': { regions: (all) => all.filter(other('KERNEL_HASHES')) },
  'memory sections as UNMEASURED pages': as('SEC_MEM', PAGE_TYPE.UNMEASURED),
  'the sections in the order of their addresses': { regions: byAddress },
  'the page of kernel hashes after all other sections': {
    regions: (all) => [...all.filter(other('KERNEL_HASHES')), ...all.filter(is('KERNEL_HASHES'))],
  },
  'the page of kernel hashes right after the firmware': {
    regions: (all) => [...all.filter(is('KERNEL_HASHES')), ...all.filter(other('KERNEL_HASHES'))],
  },
  'the CPUID page after all other sections': {
    regions: (all) => [...all.filter(other('CPUID')), ...all.filter(is('CPUID'))],
  },
};

/** The digest of words in an example after `by hand:`. */
export function digestByHand(words: string, inputs: LaunchInputs): Uint8Array {
  if (words === 'the predicted digest, its bytes in reverse order') return predict(inputs).launchDigest.reverse();
  if (words === 'the command line hashed without its NUL') {
    const { kernelHashes } = inputs;
    return predict({
      ...inputs,
      kernelHashes: kernelHashes && { ...kernelHashes, cmdline: sha256(Buffer.from('quiet')) },
    }).launchDigest;
  }
  const deviation = BY_HAND[words];
  if (deviation === undefined) throw new Error(`nothing is known of ${words}`);
  return deviating(inputs, deviation);
}
