import { HarnessError } from '../errors.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import type { LaunchFacts, LaunchRule, Said } from './launch-rule.ts';
import type { Given, ParsedLaunch } from './parsed-launch.ts';

const named = (given: Given | null): string | null =>
  given &&
  `${given.from} ${JSON.stringify(given.value.length > 200 ? `${given.value.slice(0, 200)}...` : given.value)}`;

/** What the kernel hashes are made of; null where there are none. */
function bootText({ kernel, initrd, append, snp }: ParsedLaunch): string | null {
  if (kernel === null || snp?.kernelHashes !== true) return null;
  const parts = [named(kernel), named(initrd) ?? 'no initrd', named(append) ?? 'an empty command line'];
  return `kernel hashes: ${parts.join(', ')}`;
}

function cpuText({ launch: { cpu }, given }: LaunchFacts): string | null {
  if (given.vcpuSignature) return 'vCPU signature: --vcpu-sig';
  if (cpu === null) return null;
  try {
    return `vCPU signature 0x${vcpuSignatureOf(cpu.value).toString(16).padStart(8, '0')}: ${named(cpu)}`;
  } catch (error) {
    if (error instanceof HarnessError) return null; // Another rule says what is wrong with it.
    throw error;
  }
}

/** What of a launch is measured, and what of that the launch does not say. */
export const MEASURED_RULES: readonly LaunchRule[] = [
  {
    id: 'measured',
    severity: 'info',
    find: (facts) => {
      const { launch, given } = facts;
      const { firmware, vcpus } = launch;
      const texts = [
        given.firmware ? 'firmware: --ovmf or --firmware-descriptor' : firmware && `firmware: ${named(firmware)}`,
        bootText(launch),
        vcpus && `${vcpus} ${vcpus === 1 ? 'VMSA' : 'VMSAs'}: -smp`,
        cpuText(facts),
      ];
      return texts.flatMap((text): Said[] => (text ? [{ what: `measured: ${text}` }] : []));
    },
  },
  {
    id: 'cpu-features',
    severity: 'info',
    find: ({ launch: { cpu } }) => {
      const others =
        cpu?.value
          .split(',')
          .slice(1)
          .filter((item) => !/^(?:family|model|stepping)=/.test(item)) ?? [];
      if (cpu === null || others.length === 0) return null;
      const told = `${others.slice(0, 8).join(', ').slice(0, 200)}${others.length > 8 ? ', ...' : ''}`;
      return {
        what: `no effect on the digest: ${told} of ${cpu.from}; what a CPU can do is not measured, only its signature`,
        hint: 'whether QEMU knows such a feature is not looked at: it refuses to start with one that it does not know',
      };
    },
  },
  {
    id: 'measured-of-host',
    severity: 'info',
    find: ({ launch: { snp } }) =>
      snp && {
        what: 'measured, and decided by the host kernel: guest features (--guest-features) and FPU state (--vmm-profile)',
      },
  },
];
