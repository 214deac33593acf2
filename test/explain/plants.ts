import { SEV_FEATURES } from '../../lib/abi/vmsa.ts';
import type { InputName } from '../../lib/explain/change.ts';
import type { KnownLaunch } from '../../lib/explain/launch-state.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { FirmwareDescriptor, LaunchInputs } from '../../lib/measure/inputs.ts';
import { cmdlineHashOf, kernelHashesFrom, NO_INITRD } from '../../lib/measure/kernel-hashes.ts';
import { sha256 } from '../../lib/measure/sha.ts';
import { namesOf, VCPU_MODELS, vcpuSignatureOf } from '../../lib/measure/vcpu-types.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { firmwareImage } from '../support/firmware-image.ts';

/** Random numbers that are the same in every run. Source: Mulberry32, public domain. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to, and without, a bound. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new RangeError('dice over nothing');
    return value;
  }
}

/** What a launch was changed to, and the input that an explanation must name for it. */
export interface Planted {
  inputs: readonly InputName[];
  launch: LaunchInputs;
}

const CMDLINES = [
  'console=ttyS0 root=/dev/vda1 ro quiet',
  'console=hvc0 root=/dev/pmem0p1 rootfstype=ext4 ro panic=1 net.ifnames=0',
  'root=/dev/sda2 console=ttyS0,115200n8 loglevel=7 selinux=0 init=/sbin/init',
] as const;

/** Words that this table, and not that of the search, takes for usual. */
const ADDED = [
  'quiet',
  'debug',
  'loglevel=7',
  'console=ttyS0',
  'console=tty0',
  'panic=1',
  'nokaslr',
  'rw',
  'init=/bin/sh',
  'swiotlb=262144',
  'systemd.log_level=debug',
  'agent.log=debug',
];

const file = (name: string) => ({ name, sha256: sha256(Buffer.from(name)) });
const KERNELS = ['vmlinuz-6.12', 'vmlinuz-6.11', 'vmlinuz-6.1'].map(file);
const INITRDS = ['initrd-6.12', 'initrd-6.11', 'rescue'].map(file);

function firmwares(images: readonly Uint8Array[]): { name: string; descriptor: FirmwareDescriptor }[] {
  return images.map((image, index) => ({ name: `OVMF-${index}.fd`, descriptor: describeFirmware(image) }));
}

/** Small images, for tests; a bench brings real ones. */
export const SMALL_IMAGES: readonly Uint8Array[] = [0, 1, 2].map((index) => {
  const image = Buffer.from(firmwareImage());
  image.writeUInt8(index, 100);
  return image;
});

/** A launch as it was predicted, with other files at hand. */
export interface Scene {
  known: KnownLaunch;
  append: string;
}

/** Makes launches to plant in: command lines, counts and types by chance. */
export function sceneOf(dice: Dice, images: readonly Uint8Array[]): Scene {
  const all = firmwares(images);
  const [firmware] = all;
  const [kernel, ...otherKernels] = KERNELS;
  const [initrd, ...otherInitrds] = INITRDS;
  if (firmware === undefined || kernel === undefined || initrd === undefined) throw new Error('nothing to launch');
  const append = dice.of(CMDLINES);
  const vcpuType = dice.of(['EPYC-v4', 'EPYC-Milan', 'EPYC-Genoa']);
  const launch: LaunchInputs = {
    firmware: firmware.descriptor,
    kernelHashes: kernelHashesFrom({ kernelSha256: kernel.sha256, initrdSha256: initrd.sha256, append }),
    vcpus: dice.of([1, 2, 4, 8, 16]),
    vcpuSignature: vcpuSignatureOf(vcpuType),
    guestFeatures: 1n,
    profile: vmmProfileOf('qemu-init2'),
  };
  const atHand = <T extends object>(files: readonly T[]) =>
    files.map((one) => ({ ...one, origin: 'at-hand' as const }));
  const known: KnownLaunch = {
    launch,
    firmwareName: firmware.name,
    vcpuType,
    kernel,
    initrd,
    append,
    maxVcpus: null,
    pagesDigestGiven: false,
    firmwaresAtHand: atHand(all.slice(1)),
    kernelsAtHand: atHand(otherKernels),
    initrdsAtHand: atHand(otherInitrds),
  };
  return { known, append };
}

function editedCmdline(text: string, dice: Dice): string {
  const tokens = text.split(' ');
  const at = dice.below(tokens.length);
  const edits: readonly (() => string)[] = [
    () => `${text}\n`,
    () => `${text} `,
    () => ` ${text}`,
    () => text.replace(' ', '  '),
    () => `"${text}"`,
    () => `'${text}'`,
    () => [...tokens, dice.of(ADDED)].join(' '),
    () => [dice.of(ADDED), ...tokens].join(' '),
    () => tokens.filter((_, index) => index !== at).join(' '),
    () =>
      [...tokens.slice(at), ...tokens.slice(0, at)].length === 0 ? text : swap(tokens, at, (at + 1) % tokens.length),
    () => '',
  ];
  return dice.of(edits)();
}

function swap(tokens: readonly string[], a: number, b: number): string {
  const copy = [...tokens];
  [copy[a], copy[b]] = [tokens[b] ?? '', tokens[a] ?? ''];
  return copy.join(' ');
}

type Change = (launch: LaunchInputs, scene: Scene, dice: Dice) => LaunchInputs;

function withHashes(launch: LaunchInputs, changes: Partial<NonNullable<LaunchInputs['kernelHashes']>>): LaunchInputs {
  return launch.kernelHashes === null ? launch : { ...launch, kernelHashes: { ...launch.kernelHashes, ...changes } };
}

/** How each input is changed: one row an input, values by chance. */
const CHANGES: readonly { inputs: readonly InputName[]; change: Change }[] = [
  {
    inputs: ['guestFeatures'],
    change: (launch, _, dice) => {
      const usual = [
        0x21n,
        0x201n,
        0x221n,
        0x9n,
        0x11n,
        ...Object.values(SEV_FEATURES).map((bit) => 1n | (1n << BigInt(bit))),
      ];
      const any = 1n | (1n << BigInt(1 + dice.below(63)));
      return { ...launch, guestFeatures: dice.below(2) === 0 ? any : dice.of(usual) };
    },
  },
  {
    inputs: ['vcpuType', 'vcpuSig'],
    change: (launch, _, dice) => ({ ...launch, vcpuSignature: vcpuSignatureOf(dice.of(VCPU_MODELS.flatMap(namesOf))) }),
  },
  { inputs: ['vcpus'], change: (launch, _, dice) => ({ ...launch, vcpus: 1 + dice.below(512) }) },
  {
    inputs: ['vmmProfile'],
    change: (launch, _, dice) => {
      const { vmsaAddressBits } = launch.profile;
      const name = dice.of(['qemu-pre-init2', 'qemu-pre-init2', 'gce', 'krun', 'qemu-hashes-first']);
      return { ...launch, profile: { ...vmmProfileOf(name), vmsaAddressBits } };
    },
  },
  {
    inputs: ['vmsaAddress'],
    change: (launch, _, dice) => ({ ...launch, profile: { ...launch.profile, vmsaAddressBits: dice.of([51, 52]) } }),
  },
  {
    inputs: ['firmware'],
    change: (launch, { known }, dice) => ({ ...launch, firmware: dice.of(known.firmwaresAtHand).descriptor }),
  },
  { inputs: ['kernelHashes'], change: (launch) => ({ ...launch, kernelHashes: null }) },
  {
    inputs: ['kernel'],
    change: (launch, { known }, dice) => withHashes(launch, { kernel: dice.of(known.kernelsAtHand).sha256 }),
  },
  {
    inputs: ['initrd'],
    change: (launch, { known }, dice) =>
      withHashes(launch, { initrd: dice.of([NO_INITRD, ...known.initrdsAtHand.map((one) => one.sha256)]) }),
  },
  {
    inputs: ['cmdline'],
    change: (launch, { append }, dice) => withHashes(launch, { cmdline: cmdlineHashOf(editedCmdline(append, dice)) }),
  },
];

/** Is nothing of these measured once the others are changed? Then they are no changes. */
function idle(launch: LaunchInputs, inputs: readonly string[]): boolean {
  const boot = inputs.some((input) => ['kernel', 'initrd', 'cmdline'].includes(input));
  if (launch.kernelHashes === null && boot) return true;
  return launch.profile.rdx !== 'signature' && inputs.includes('vcpuType');
}

/** Changes as many inputs of a launch as asked, each to a value that it did not have. */
export function plant({ known, append }: Scene, count: number, dice: Dice): Planted {
  for (;;) {
    const rows = new Set<(typeof CHANGES)[number]>();
    while (rows.size < count) rows.add(dice.of(CHANGES));
    let launch = known.launch;
    let changed = true;
    for (const { change } of rows) {
      const next = change(launch, { known, append }, dice);
      if (digestKey(next) === digestKey(launch)) changed = false;
      launch = next;
    }
    const inputs = [...rows].flatMap((row) => row.inputs);
    if (changed && !idle(launch, inputs)) return { inputs, launch };
  }
}

function digestKey(launch: LaunchInputs): string {
  return JSON.stringify(launch, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}
