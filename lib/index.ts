export type { AttestationReport } from './abi/report.ts';
export type { Wanted } from './attestation/want.ts';
export type { HostFacts, PlatformFacts } from './evidence/host-facts.ts';
export type { Evidence, HostProvenance } from './evidence/schema.ts';
export type { Check } from './finding.ts';
export type { Verdict } from './judge/verdict.ts';
export type { Cell } from './matrix/cell.ts';
export type { Prediction } from './measure/inputs.ts';
export {
  announced,
  type CellGroup,
  cellGroups,
  cells,
  hostTag,
  hostTagPattern,
  type LaunchDetails,
  type ScenarioGroup,
  scenarioGroups,
  type TaggedCell,
} from './runner/cells.ts';
export { defineConfig } from './runner/define-config.ts';
export { expect, test } from './runner/fixtures.ts';
export type { Guest } from './runner/guest.ts';
export type { Measured, RefusedWith } from './runner/matchers.ts';
export type { CellOutcome } from './runner/outcome.ts';
export { P256_CLAIM, signWithP256Key } from './runner/p256-key.ts';
export type { LaunchOverrides } from './scenarios/own-launch.ts';
export { type IdentityInputs, launchName, type Scenario, type SentIdentity } from './scenarios/scenario.ts';
