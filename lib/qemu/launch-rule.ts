import type { ParsedLaunch, Severity } from './parsed-launch.ts';

/** What a rule looks at. */
export interface LaunchFacts {
  launch: ParsedLaunch;
  /** What is given beside the launch, in place of what it says. */
  given: { firmware: boolean; vcpuSignature: boolean };
}

/** What is said each time a rule finds something. */
export interface Said {
  what: string;
  hint?: string;
}

/** One rule: what it is called, how bad it is, and what it finds. */
export interface LaunchRule {
  readonly id: string;
  readonly severity: Severity;
  /** null: nothing; several where it finds several. */
  readonly find: (facts: LaunchFacts) => Said | readonly Said[] | null;
}
