/** The axes of a matrix, in the order in which a cell's id names them. */
export const AXES = [
  'firmware',
  'kernel',
  'initrd',
  'append',
  'guestPolicy',
  'guestFeatures',
  'vcpus',
  'vcpuType',
  'qemu',
] as const;
export type Axis = (typeof AXES)[number];

/** One combination of the axes: one test. Artifacts are named by the names that the matrix gives them. */
export interface Cell {
  /** Stable and readable, unique in its matrix; no clock, order or random in it. */
  readonly id: string;
  /** Name of the firmware artifact. */
  readonly firmware: string;
  /** Name of the kernel artifact; null: no -kernel, no kernel hashes. */
  readonly kernel: string | null;
  readonly initrd: string | null;
  /** The kernel command line exactly as -append gets it; null: none given. */
  readonly append: string | null;
  /** The 64-bit POLICY of SNP_LAUNCH_START. */
  readonly guestPolicy: bigint;
  /** The SEV_FEATURES that the prediction puts into the VMSA. */
  readonly guestFeatures: bigint;
  readonly vcpus: number;
  /** QEMU's CPU model name. */
  readonly vcpuType: string;
  /** Name of a QEMU build of the host. */
  readonly qemu: string;
}
