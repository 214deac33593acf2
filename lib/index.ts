export type { HostFacts, PlatformFacts } from './evidence/host-facts.ts';
export type { Evidence } from './evidence/schema.ts';
export type { Check } from './finding.ts';
export type { Verdict } from './judge/verdict.ts';
export type { Cell } from './matrix/cell.ts';
export type { Prediction } from './measure/inputs.ts';
export {
  type CellGroup,
  cellGroups,
  hostTag,
  hostTagPattern,
  type ScenarioGroup,
  scenarioGroups,
} from './runner/cells.ts';
export { expect, test } from './runner/fixtures.ts';
export type { CellOutcome } from './runner/outcome.ts';
export { signWithP256Key } from './runner/p256-key.ts';
export { launchName, type Scenario } from './scenarios/scenario.ts';
