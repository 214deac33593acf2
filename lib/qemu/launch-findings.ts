import { BOOT_RULES } from './boot-rules.ts';
import { ID_BLOCK_RULES } from './id-block-rules.ts';
import type { LaunchFacts, LaunchRule, Said } from './launch-rule.ts';
import { inWordsOfLibvirt } from './libvirt-words.ts';
import { MEASURED_RULES } from './measured-rules.ts';
import type { Finding, ParsedLaunch, Severity } from './parsed-launch.ts';
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

/** Shorter parts, as a star or a brace, stand in texts for other reasons too. */
const PART_CHARS_MIN = 2;

/**
 * Leaves out what is only said because a value is not known, such as that QEMU wants a number in its place: what QEMU gets is
 * another text. That the value is not known is an error then.
 */
function withoutConsequences(findings: readonly Finding[], { unknownParts }: ParsedLaunch): Finding[] {
  const partsIn = ({ what }: Finding): string[] =>
    unknownParts.filter((part) => part.length >= PART_CHARS_MIN && what.includes(part));
  const isConsequence = (finding: Finding): boolean => finding.id !== 'value-unknown' && partsIn(finding).length > 0;
  const needed = findings.filter((finding) => finding.severity === 'error' && isConsequence(finding)).flatMap(partsIn);
  return findings
    .filter((finding) => !isConsequence(finding))
    .map((finding) =>
      finding.id === 'value-unknown' && partsIn(finding).some((part) => needed.includes(part))
        ? { ...finding, severity: 'error' }
        : finding,
    );
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
  const findings = sortFindings(withoutConsequences([...facts.launch.findings, ...found], facts.launch));
  return facts.launch.source === 'libvirt' ? findings.map(inWordsOfLibvirt) : findings;
}
