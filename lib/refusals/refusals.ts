import { HOST_REFUSALS } from './host-refusals.ts';
import type { KnownRefusal } from './known-refusal.ts';
import { KVM_REFUSALS } from './kvm-refusals.ts';
import { PROGRAM_REFUSALS } from './program-refusals.ts';
import { STATUS_REFUSALS } from './status-refusals.ts';
import { STEP_REFUSALS } from './step-refusals.ts';

/** The table of errors: every refusal that is known, those of a step of the launch first. A new one is one row. */
export const REFUSALS: readonly KnownRefusal[] = [
  ...STEP_REFUSALS,
  ...KVM_REFUSALS,
  ...STATUS_REFUSALS,
  ...PROGRAM_REFUSALS,
  ...HOST_REFUSALS,
];
