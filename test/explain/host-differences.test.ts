import type { HostProvenance } from '../../lib/evidence/schema.ts';
import { hostDifferences } from '../../lib/explain/host-differences.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(1), SMALL_IMAGES);

function host(kernel: string, debugSwap: boolean | null, qemu: string): HostProvenance {
  const platform = { kvmAmd: { debugSwap } } as NonNullable<HostProvenance['facts']>['platform'];
  return {
    ...{ name: 'milan-1', kind: 'hardware', profile: null, vmmProfile: 'qemu-init2', cbitpos: 51 },
    qemu: { default: { path: '/q', version: `QEMU emulator version ${qemu}` } },
    ...{ kernel: `Linux ${kernel} x86_64`, facts: { platform } as NonNullable<HostProvenance['facts']> },
  };
}

const PROOF = 'proof';
const HINT = 'hint';
interface Row {
  claim: string;
  profile?: string;
  features?: bigint;
  kernel: string;
  debugSwap?: boolean;
  qemu?: string;
  found: readonly string[];
}

const ROWS: readonly Row[] = [
  { claim: 'nothing of a host that is what was predicted', kernel: '6.12.1', found: [] },
  {
    claim: 'FPU state that a kernel before 6.9 leaves out',
    ...{ kernel: '6.5.0', found: ['vmmProfile qemu-init2 -> qemu-pre-init2 proof'] },
  },
  {
    claim: 'FPU state that a kernel since 6.10 measures',
    ...{ profile: 'qemu-pre-init2', kernel: '6.10.0', found: ['vmmProfile qemu-pre-init2 -> qemu-init2 proof'] },
  },
  {
    claim: 'no FPU state of 6.9, of which there are both',
    profile: 'qemu-pre-init2',
    kernel: '6.9.0',
    debugSwap: false,
    found: [],
  },
  {
    claim: 'DebugSwap that the module turns on',
    ...{ profile: 'qemu-pre-init2', kernel: '6.8.0', debugSwap: true, found: [`guestFeatures 0x1 -> 0x21 ${PROOF}`] },
  },
  {
    claim: 'DebugSwap that the module turns off',
    ...{
      profile: 'qemu-pre-init2',
      features: 0x21n,
      kernel: '6.8.0',
      debugSwap: false,
      found: [`guestFeatures 0x21 -> 0x1 ${PROOF}`],
    },
  },
  {
    claim: 'DebugSwap that such a kernel may turn on',
    ...{ profile: 'qemu-pre-init2', kernel: '6.7.0', found: [`guestFeatures 0x1 -> 0x21 ${HINT}`] },
  },
  {
    claim: 'DebugSwap that a later kernel does not turn on by itself',
    ...{ features: 0x21n, kernel: '6.12.1', debugSwap: true, found: [`guestFeatures 0x21 -> 0x1 ${HINT}`] },
  },
  {
    claim: 'kernel hashes that QEMU of today measures in their section',
    ...{
      profile: 'qemu-hashes-first',
      kernel: '6.12.1',
      found: [`vmmProfile qemu-hashes-first -> qemu-init2 ${PROOF}`],
    },
  },
  {
    claim: "kernel hashes that AMD's QEMU 8 likely measures there",
    ...{
      profile: 'qemu-hashes-first',
      kernel: '5.19.0',
      qemu: '8.2.0',
      found: [`vmmProfile qemu-hashes-first -> qemu-pre-init2 ${HINT}`],
    },
  },
  {
    claim: "kernel hashes that AMD's QEMU before 7.2 likely measures first",
    ...{
      profile: 'qemu-pre-init2',
      kernel: '5.19.0',
      qemu: '6.1.50',
      found: [`vmmProfile qemu-pre-init2 -> qemu-hashes-first ${HINT}`],
    },
  },
  {
    claim: "nothing of AMD's QEMU 7.2, the first that measures kernel hashes in their section",
    ...{ profile: 'qemu-pre-init2', kernel: '5.19.0', qemu: '7.2.0', found: [] },
  },
  {
    claim: 'nothing where versions are not told',
    profile: 'qemu-hashes-first',
    kernel: 'of mine',
    qemu: 'of mine',
    found: [],
  },
  { claim: 'nothing of a VMM that is no QEMU', profile: 'gce', kernel: '6.5.0', found: [] },
];

for (const {
  claim,
  profile = 'qemu-init2',
  features = 0x1n,
  kernel,
  debugSwap = null,
  qemu = '10.0.2',
  found,
} of ROWS) {
  test(`a host shows ${claim}`, () => {
    const launch = { ...known.launch, profile: vmmProfileOf(profile), guestFeatures: features };
    const differences = hostDifferences({ ...known, launch }, host(kernel, debugSwap, qemu), 'default');
    expect(
      differences.map(
        ({ change: { input, from, to }, determined }) => `${input} ${from} -> ${to} ${determined ? PROOF : HINT}`,
      ),
    ).toEqual(found);
  });
}
