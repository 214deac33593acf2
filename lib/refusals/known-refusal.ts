/** Who said no: to the launch, or to something that a launch needs. */
export type Refuser = 'firmware' | 'kvm' | 'kernel' | 'qemu' | 'ovmf' | 'libvirt';

/** The step of a launch that a line names. INIT is KVM_SEV_INIT2; the others are the firmware's commands, as KVM wraps them. */
export type LaunchStep = 'INIT' | 'START' | 'UPDATE' | 'FINISH';

/** How a refusal is recognised. */
export type Recognition =
  /** The firmware's status, wherever it is told. */
  | { readonly by: 'status'; readonly status: number }
  /** The status at one step; it says more than the status alone. */
  | { readonly by: 'step-status'; readonly step: LaunchStep; readonly status: number }
  /** An errno without a status: KVM refused, and the firmware was not asked. Without a step it is that of every step. */
  | { readonly by: 'errno'; readonly errno: number; readonly step?: LaunchStep }
  /** Words of a program. */
  | { readonly by: 'text'; readonly pattern: RegExp };

/** One refusal that is known: a row of the table of errors. */
export interface KnownRefusal {
  /** Stable, for programs. */
  readonly id: string;
  /** What it is called: the name of the status, or the words that stand in the log. */
  readonly name: string;
  readonly refusedBy: Refuser;
  /** Does it tell of what was launched, or of the machine, whatever was launched? */
  readonly blames: 'launch' | 'machine';
  readonly meaning: string;
  /** The likely cause. */
  readonly cause: string;
  /** What to do. */
  readonly remedy: string;
  readonly source: string;
  readonly recognition: Recognition;
}

/** A row of a table whose rows have refuser and source in common. */
export type RefusalText = Pick<KnownRefusal, 'id' | 'name' | 'meaning' | 'cause' | 'remedy'>;
