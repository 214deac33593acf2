/**
 * How far a run goes to explain a launch digest that differs. `off`: not at all. `report`: a launch without ID block, whose
 * guest reports what was measured. `oracle`: where no guest reports, also launches that ask the firmware about hypotheses.
 */
export const EXPLAIN_MODES = ['off', 'report', 'oracle'] as const;
export type ExplainMode = (typeof EXPLAIN_MODES)[number];

/** What a matrix does that does not say. */
export const DEFAULT_EXPLAIN: ExplainMode = 'report';
