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

/** What is said of an option that is not there; words that only a shell could tell may have it. */
const OF_ABSENCE: ReadonlySet<string> = new Set([
  ...['no-snp-object', 'not-linked', 'no-firmware', 'initrd-without-kernel', 'hashes-without-kernel'],
  ...['vcpu-type-default', 'accelerator-default'],
]);

/**
 * Leaves out what is only said because something is not known, such as that QEMU wants a number in its place: what QEMU gets
 * is another text. Where such a thing keeps a digest from being computed, that it is not known is the error.
 */
function withoutConsequences(findings: readonly Finding[], { unknownParts }: ParsedLaunch): Finding[] {
  const hidden = findings.some(({ id }) => id === 'words-unknown');
  const partsIn = ({ what }: Finding): string[] =>
    unknownParts.filter((part) => part.length >= PART_CHARS_MIN && what.includes(part));
  const isCause = ({ id }: Finding): boolean => id === 'value-unknown' || id === 'words-unknown';
  const isOfAbsence = ({ id }: Finding): boolean => hidden && OF_ABSENCE.has(id);
  const isConsequence = (finding: Finding): boolean =>
    !isCause(finding) && (isOfAbsence(finding) || partsIn(finding).length > 0);
  const left = findings.filter((finding) => !isConsequence(finding));
  const lost = findings.filter(isConsequence);
  const needed = new Set(lost.filter(({ severity }) => severity === 'error').flatMap(partsIn));
  const wordsNeeded = lost.some((finding) => isOfAbsence(finding) && finding.id !== 'accelerator-default');
  return left.map((finding) => {
    const isError =
      finding.id === 'words-unknown'
        ? wordsNeeded || finding.severity === 'error'
        : isCause(finding) && partsIn(finding).some((part) => needed.has(part));
    return isError ? { ...finding, severity: 'error' } : finding;
  });
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
