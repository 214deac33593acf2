import { z } from 'zod';

/** 0x followed by 16 lower-case hex digits: a TCB_VERSION as the firmware gives it. */
const tcb = z.string().regex(/^0x[0-9a-f]{16}$/, 'a TCB version as 0x and 16 hex digits');
const u64 = z.string().regex(/^0x[0-9a-f]{1,16}$/, 'a number as 0x hex');
const text = z.string().max(1024);
const count = z.int().nonnegative();
const known = z.boolean().nullable();

/**
 * What a platform is, as far as it decides whether a guest may be launched there: processor, firmware and the host
 * kernel's SNP side. `null` is "nobody could tell", never "no".
 */
export const platformFactsSchema = z.strictObject({
  /** machine: asked of it. emulation: what the emulated firmware and host kernel pass for. */
  source: z.enum(['machine', 'emulation']),
  /** AMD's name: Milan, Genoa, Bergamo or Siena, Turin, Venice; null for any other processor. */
  product: text.nullable(),
  cpu: z.strictObject({ vendor: text, family: count, model: count, stepping: count, name: text }).nullable(),
  sockets: count.nullable(),
  smtActive: known,
  /** CPUID 0x8000001F EBX[5:0]. */
  cbitpos: count.max(63).nullable(),
  /** SYSCFG bit 24, or the kernel's own word for it. */
  snpEnabled: known,
  /** SNP_INIT was done. */
  snpInitialised: known,
  rmpInitialised: known,
  firmware: z.strictObject({ apiMajor: count, apiMinor: count, build: count.nullable() }).nullable(),
  tcb: z.strictObject({ current: tcb, reported: tcb }).nullable(),
  maskChipId: known,
  maskChipKey: known,
  vlekEnabled: known,
  /** Policy bits 21 to 25 that the firmware can enforce, by their names in the policy. */
  policyFeatures: z.strictObject({
    cxlAllowed: known,
    memAes256Xts: known,
    raplDisabled: known,
    ciphertextHiding: known,
    pageSwapDisabled: known,
  }),
  /** What the machine is as far as those bits ask for it: bits of PLATFORM_INFO, memory encryption, devices. */
  policyConditions: z
    .strictObject({ memAes256Xts: known, raplDisabled: known, ciphertextHiding: known, cxlPresent: known })
    .optional(),
  /** Parameters of the kvm_amd module. */
  kvmAmd: z.strictObject({
    sev: known,
    sevEs: known,
    sevSnp: known,
    debugSwap: known,
    ciphertextHidingAsids: count.nullable(),
  }),
  /** What KVM refuses before the firmware is asked; null where it follows from no known kernel. */
  kernelPolicy: z.strictObject({ known: u64, mustBeSet: u64, mustBeClear: u64 }).nullable(),
  /** ASIDs that SNP guests may use: how many there are, and how many are in use by whomever. */
  snpAsids: z.strictObject({ total: count, used: count.nullable() }).nullable(),
});
export type PlatformFacts = z.infer<typeof platformFactsSchema>;

/** What one device file is to the user who launches. */
const deviceAccessSchema = z.strictObject({
  present: z.boolean(),
  /** Opened for reading and writing. */
  usable: z.boolean(),
  /** Why not, in the words of the host. */
  trouble: text.nullable(),
});
export type DeviceAccess = z.infer<typeof deviceAccessSchema>;

/** The machine that QEMU runs on: true of an emulated host too. */
export const machineFactsSchema = z.strictObject({
  /** uname -srm */
  kernel: text,
  /** Words of the kernel's command line that decide about SNP; the others are not kept. */
  kernelOptions: z.array(text).max(64),
  processors: count.nullable(),
  microcode: text.nullable(),
  bios: z.strictObject({ vendor: text.nullable(), version: text.nullable(), date: text.nullable() }),
  /** Maker and model of the machine. */
  system: text.nullable(),
  memoryMiB: z.strictObject({ total: count, available: count }).nullable(),
  /** Of the file system of the host's directory. */
  disk: z.strictObject({ totalMiB: count, freeMiB: count, freeInodes: count.nullable() }).nullable(),
  /** ulimit -l in KiB; null: unlimited or unknown. */
  memlockKiB: count.nullable(),
  openFiles: count.nullable(),
  devices: z.strictObject({ kvm: deviceAccessSchema, sev: deviceAccessSchema }),
  user: text.nullable(),
  /** Why the host's directory cannot be used; null where it can. */
  directoryTrouble: text.nullable(),
  /** Programs that the harness needs there and that are missing. */
  missingPrograms: z.array(text).max(64),
  /** Lines of the kernel log about SEV, bounded; empty where the user may not read it. */
  kernelLog: z.array(z.string().max(512)).max(64),
});
export type MachineFacts = z.infer<typeof machineFactsSchema>;

/** A QEMU build of the host, as it answers for itself. */
export const qemuFactsSchema = z.strictObject({
  path: z.string(),
  /** Null: it could not be asked; `trouble` says why. */
  version: text.nullable(),
  trouble: text.nullable(),
  /** Options of its sev-snp-guest object; null: it has no such object. */
  snpOptions: z.array(text).max(64).nullable(),
  igvm: z.boolean(),
  /** Its CPU models whose names begin with EPYC. */
  epycModels: z.array(text).max(256),
});
export type QemuFacts = z.infer<typeof qemuFactsSchema>;

/** What `snphost ok` said. */
export const snphostFactsSchema = z.strictObject({
  version: text.nullable(),
  tests: z
    .array(z.strictObject({ name: text, status: z.enum(['pass', 'fail', 'skip']), message: text.nullable() }))
    .max(256),
});
export type SnphostFacts = z.infer<typeof snphostFactsSchema>;

/** All that preflight found out about one host. */
export const hostFactsSchema = z.strictObject({
  platform: platformFactsSchema,
  machine: machineFactsSchema,
  /** By the names of hosts.json. */
  qemu: z.record(z.string(), qemuFactsSchema),
  /** Null: there is no snphost. */
  snphost: snphostFactsSchema.nullable(),
});
export type HostFacts = z.infer<typeof hostFactsSchema>;
