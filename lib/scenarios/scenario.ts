import type { AttestationWorkflow } from '../evidence/attestation-schema.ts';
import type { IdentityCheckName } from '../identity/identity-check.ts';
import type { OwnerKeys } from '../identity/keys.ts';
import type { PolicyHostFacts } from '../identity/policy-host-facts.ts';
import type { Expectation } from './expectation.ts';
import type { RefusedFor } from './refused-for.ts';

/** The suites whose launches are scenarios. */
export const SCENARIO_SUITES = ['identity', 'policy', 'attestation'] as const;
export type ScenarioSuite = (typeof SCENARIO_SUITES)[number];

/** A suite of the package, or `own`: what suites of one's own describe. */
type LaunchSuite = ScenarioSuite | 'own';

/** What can be wrong with the ID block and ID auth of a launch, as it is found without a firmware. */
export type Defect = 'no-id-block' | 'no-id-auth' | IdentityCheckName;

/** What a scenario may make its identity of. */
export interface IdentityInputs {
  /** What the launch will measure, 48 bytes. */
  launchDigest: Uint8Array;
  /** What it is launched with. */
  guestPolicy: bigint;
  /** The keys of the guest owner, and those of somebody else. */
  owner: OwnerKeys;
  stranger: OwnerKeys;
}

/** The ID block and ID auth that QEMU is given. */
export interface SentIdentity {
  /** 96 bytes. */
  idBlock: Uint8Array | null;
  /** 4096 bytes. */
  idAuth: Uint8Array | null;
  authorKeyEnabled: boolean;
}

/** A launch beside the plain one of a cell: what is sent differs, and with it what must come of it. */
export interface Scenario {
  /** `SUITE/what-is-special`: stable, for titles, files and recordings; never reused for another. */
  readonly name: `${LaunchSuite}/${string}`;
  readonly suite: LaunchSuite;
  /** What it proves, in one sentence. */
  readonly claim: string;
  /** Where it is written that this must hold. */
  readonly source: string;
  /** What it is launched with; undefined: what is known of the host does not tell. */
  readonly guestPolicy: (cellPolicy: bigint, facts: PolicyHostFacts) => bigint | undefined;
  readonly identity: (inputs: IdentityInputs) => SentIdentity;
  /** All that is wrong with what is sent; nothing else may be. */
  readonly defects: readonly Defect[];
  /** What must come of it where the guest policy is one that the host launches. */
  readonly expectation: Expectation;
  /** How its report is verified; absent: nobody asks who signed it. */
  readonly attestation?: {
    readonly workflow: AttestationWorkflow;
    /** How often the cell is launched for it. */
    readonly launches: 1 | 2;
    /** Under what its report, which must be genuine, must be refused; absent: under nothing. */
    readonly refused?: RefusedFor;
  };
}

/** The name of one launch of a cell: the cell's id for the plain one. */
export function launchName(cellId: string, scenario: string | undefined): string {
  return scenario === undefined ? cellId : `${cellId}/${scenario}`;
}
