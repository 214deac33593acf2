import type { CellExplanation } from '../evidence/schema.ts';
import { quotedText } from './change.ts';

type Told = CellExplanation['explanations'][number];

/** Does the digest follow from what is told? What was seen and is not all that differs does not explain it; hints never do. */
export function isCellExplained({ explanations }: CellExplanation): boolean {
  return explanations.some(({ kind, part }) => kind !== 'hint' && part !== 'seen');
}

function told({ kind, cause, advice, part }: Told, isLast: boolean): string[] {
  const [first = '', ...rest] = advice.split('\n');
  const beside = part === 'rest' ? 'beside that ' : '';
  const line = `${beside}why (${kind}, ${cause}): ${first}`;
  const partly =
    part === 'seen' && isLast ? ['  This is a part of the difference: the digest does not follow from it alone.'] : [];
  return [line, ...rest.map((one) => `  ${one}`), ...partly];
}

/** What is not explained, in one line; none where everything is. */
function remainder(explanation: CellExplanation): string[] {
  const { target, explanations, tried, exhausted } = explanation;
  const seen = explanations.some(({ part }) => part === 'seen');
  if (isCellExplained(explanation)) return [];
  if (target === null) {
    const unknown = 'what the host measured is not known';
    if (seen) return [`not known: whether that is all that differs, for ${unknown}`];
    return explanations.length === 0 ? [`why: not explained: ${unknown}`] : [];
  }
  const more = exhausted ? '' : ', and there are more: `snp-conform explain --evidence` has time for them';
  const what = seen
    ? `the rest: ${tried} hypotheses beside it do not give this digest`
    : `${tried} hypotheses do not give this digest`;
  return [`why: not explained: ${what}${more}`];
}

/** What was explained, in one line each, for a test failure, JUnit and the page. @returns lines joined by newlines */
export function cellExplanationText(explanation: CellExplanation): string {
  const { target, direction, explanations, notes = [] } = explanation;
  const known = target === null ? [] : [`${direction === 'observed' ? 'the host measured' : 'expected was'} ${target}`];
  const lastSeen = explanations.findLastIndex(({ part }) => part === 'seen');
  const lines = explanations.flatMap((one, index) => told(one, target !== null && index === lastSeen));
  const missing = notes.map((note) => `not found out: ${note.split('\n').join('\n  ')}`);
  return [...known, ...lines, ...remainder(explanation), ...missing].join('\n');
}

/** What tells explanations of one cause apart from those of another: the values that changed, not where. */
export function explanationKey({ explanations, direction, notes = [] }: CellExplanation): string | null {
  const [first] = explanations;
  if (first === undefined) return null;
  const changes = explanations
    .filter((one) => one === first || one.part !== undefined)
    .flatMap(({ changes: all }) =>
      all.map(({ input, from, to }) => `${input} ${quotedText(from ?? '')} -> ${quotedText(to ?? '')}`),
    );
  return [direction, first.kind, first.cause, ...changes, ...notes].join('; ');
}
