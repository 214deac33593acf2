import { SCENARIO_SUITES } from '../scenarios/scenario.ts';

/** The suites of the package, in the order of the help text; a new one is one word here and one file in suites/. */
export const SUITES = ['launch', ...SCENARIO_SUITES] as const;
export type SuiteName = (typeof SUITES)[number];

/** What runs on hosts unless suites are named: every cell of the matrix, and nothing beside it. */
export const DEFAULT_SUITES: readonly SuiteName[] = ['launch'];
