/** What the emulated platform is: the values that launches and reports depend on. */
export interface Platform {
  apiMajor: number;
  apiMinor: number;
  build: number;
  smtEnabled: boolean;
  /** TCB_VERSION, the same for current, committed, reported and launch. */
  tcb: bigint;
  /** 64 bytes. */
  chipId: Uint8Array;
  /** CPUID family, model, stepping as a report gives them. */
  cpuid: { family: number; model: number; stepping: number };
}
