import type { UnknownPart } from './shell-word.ts';

/** A value and the option it came from, as people know it: `-bios`, `-machine firmware=`. */
export interface Given {
  value: string;
  from: string;
  /** The part of the value that only a shell could tell; null: all is known. */
  unknown: UnknownPart | null;
}

/** How bad a finding is: an error forbids the launch or leaves the digest open, a warning is a likely mistake. */
export type Severity = 'error' | 'warning' | 'info';

/** One thing that is to be said of a launch. */
export interface Finding {
  /** Stable, for programs: `kernel-not-measured`. */
  id: string;
  severity: Severity;
  what: string;
  /** What to do about it; null: nothing. */
  hint: string | null;
}

/** One -object. */
export interface QemuObject {
  /** Its `qom-type`. */
  type: string;
  id: string | null;
  from: string;
  /** By key; of a repeated key the last value. */
  properties: ReadonlyMap<string, string>;
  /** Of the JSON form: what JavaScript calls the type of each value; undefined for the other form, where all is text. */
  jsonTypes: ReadonlyMap<string, string> | undefined;
}

/** The settings of the sev-snp-guest object; what cannot be read is null and has a finding. */
export interface SnpSettings {
  id: string | null;
  policy: bigint | null;
  kernelHashes: boolean;
  /** 96 bytes. */
  idBlock: Uint8Array | null;
  /** At most 4096 bytes. */
  idAuth: Uint8Array | null;
  authorKeyEnabled: boolean;
  /** 32 bytes. */
  hostData: Uint8Array | null;
  cbitpos: bigint | null;
  /** Every property as it was written. */
  properties: ReadonlyMap<string, string>;
}

/** A launch as its options tell it, whether they stood on a command line or in a libvirt domain. */
export interface ParsedLaunch {
  source: 'argv' | 'libvirt';
  binary: string | null;
  /** Merged over every -machine, underscores in keys as dashes, without `smp.` keys. */
  machine: ReadonlyMap<string, Given>;
  firmware: Given | null;
  kernel: Given | null;
  initrd: Given | null;
  /** Exactly as the kernel command line was given; null: none. */
  append: Given | null;
  dtb: Given | null;
  shim: Given | null;
  /** Flash drives, in order: files where they name one. */
  pflash: readonly Given[];
  /** vCPUs present at launch; null where -smp is wrong. */
  vcpus: number | null;
  /** maxcpus of -smp, where it is given and a number. */
  maxVcpus: number | null;
  /** The value of -cpu; null: none, and QEMU takes its default. */
  cpu: Given | null;
  /** CPUs added by -device. */
  cpuDevices: readonly string[];
  /** RAM in bytes; null where -m is absent or not understood. */
  memoryBytes: bigint | null;
  accelerators: readonly string[];
  objects: readonly QemuObject[];
  /** The id that the machine asks for as confidential guest support, and by which key. */
  supportId: Given | null;
  /** Of the object that the machine asks for; where that leads nowhere, of the only one of its type. */
  snp: SnpSettings | null;
  /** Options that are read but whose contents are not: -readconfig, -set, -global of a CPU. */
  unread: readonly string[];
  /** Names of the options that do not matter to the digest, each once. */
  withoutEffect: readonly string[];
  /** What of it only a shell could tell, as it stands: `$N`. */
  unknownParts: readonly string[];
  /** What was found while reading. */
  findings: readonly Finding[];
}
