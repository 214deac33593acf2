import type { CellExplanation } from '../evidence/schema.ts';
import { quotedText } from './change.ts';

const KINDS = { proof: 'proof', match: 'match', hint: 'hint' } as const;

/** What was explained, in one line each, for a test failure, JUnit and the page. @returns lines joined by newlines */
export function cellExplanationText({ target, direction, explanations, tried, exhausted }: CellExplanation): string {
  const known = target === null ? [] : [`${direction === 'observed' ? 'the host measured' : 'expected was'} ${target}`];
  const told = explanations.flatMap(({ kind, cause, advice }) => {
    const [first = '', ...rest] = advice.split('\n');
    return [`why (${KINDS[kind]}, ${cause}): ${first}`, ...rest.map((line) => `  ${line}`)];
  });
  if (told.length > 0) return [...known, ...told].join('\n');
  const what = target === null ? 'what the host measured is not known' : `${tried} hypotheses do not give this digest`;
  const rest =
    target === null || exhausted ? '' : ', and there are more: `snp-conform explain --evidence` has time for them';
  return [...known, `why: not explained: ${what}${rest}`].join('\n');
}

/** What tells explanations of one cause apart from those of another: the values that changed, not where. */
export function explanationKey({ explanations, direction }: CellExplanation): string | null {
  const [first] = explanations;
  if (first === undefined) return null;
  const changes = first.changes.map(
    ({ input, from, to }) => `${input} ${quotedText(from ?? '')} -> ${quotedText(to ?? '')}`,
  );
  return [direction, first.kind, first.cause, ...changes].join('; ');
}
