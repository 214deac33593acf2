import { BOOT_RULES } from './boot-rules.ts';
import { ID_BLOCK_RULES } from './id-block-rules.ts';
import type { LaunchFacts, LaunchRule, Said } from './launch-rule.ts';
import { MEASURED_RULES } from './measured-rules.ts';
import type { Finding, Severity } from './parsed-launch.ts';
import { POLICY_RULES } from './policy-rules.ts';
import { SNP_RULES } from './snp-rules.ts';

/** Every rule, in the order in which findings are told. */
export const LAUNCH_RULES: readonly LaunchRule[] = [
  ...MEASURED_RULES,
  ...SNP_RULES,
  ...BOOT_RULES,
  ...POLICY_RULES,
  ...ID_BLOCK_RULES,
];

const BY_SEVERITY: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Sorts findings, the worst first; those of one severity stay in their order. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((left, right) => BY_SEVERITY[left.severity] - BY_SEVERITY[right.severity]);
}

/**
 * All that is to be said of a launch before anything is predicted, the worst first.
 * @returns what was found while reading, and what the rules find
 */
export function launchFindings(facts: LaunchFacts): Finding[] {
  const found = LAUNCH_RULES.flatMap(({ id, severity, find }) => {
    const said = find(facts);
    const all: readonly Said[] = said === null ? [] : 'what' in said ? [said] : said;
    return all.map(({ what, hint }) => ({ id, severity, what, hint: hint ?? null }));
  });
  return sortFindings([...facts.launch.findings, ...found]);
}
