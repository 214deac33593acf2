import type { CellFile } from '../../lib/evidence/schema.ts';
import { Compared, Hex } from './digest.tsx';

type Explanation = NonNullable<CellFile['explanation']>;
type Cause = Explanation['explanations'][number];

/** How sure a cause is, in a word and in a sentence. */
const KINDS = {
  proof: 'seen on the host',
  match: 'found by search: the digest follows from it, and nothing else is known of it',
  hint: 'a guess: nothing bears it out',
} as const;

function Changes({ changes }: { changes: Cause['changes'] }) {
  return (
    <table class="changes">
      <thead>
        <tr>
          <th scope="col">input</th>
          <th scope="col">predicted with</th>
          <th scope="col">launched with</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ input, from, to }) => (
          <tr key={input}>
            <th scope="row">{input}</th>
            <td>
              <Compared value={from} other={to} />
            </td>
            <td>
              <Compared value={to} other={from} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function CauseCard({ cause }: { cause: Cause }) {
  const [first = '', ...rest] = cause.advice.split('\n');
  return (
    <li class={`cause-card cause-${cause.kind}`}>
      <p class="cause-kind">
        <b>{cause.kind}</b> <span>{KINDS[cause.kind]}</span>
      </p>
      <p class="cause-advice">{first}</p>
      {rest.length > 0 && <p class="cause-more">{rest.join('\n').trim()}</p>}
      {cause.changes.length > 0 && <Changes changes={cause.changes} />}
    </li>
  );
}

/** Why nothing was found. */
function unexplained({ target, tried, exhausted }: Explanation): string {
  if (target === null) return 'Not explained: what the host measured is not known.';
  const all = `Not explained: none of ${tried.toLocaleString('en')} hypotheses gives this digest`;
  return exhausted ? `${all}.` : `${all}, and there are more: \`snp-conform explain --evidence\` has time for them.`;
}

/** Why the digest is another: each cause with what it changes, and how sure it is. */
export function ExplanationOf({ explanation }: { explanation: Explanation }) {
  const { target, direction, explanations } = explanation;
  return (
    <>
      {explanations.length === 0 ? (
        <p class="absent">{unexplained(explanation)}</p>
      ) : (
        <ul class="cause-cards">
          {explanations.map((cause) => (
            <CauseCard key={`${cause.kind} ${cause.cause} ${cause.advice}`} cause={cause} />
          ))}
        </ul>
      )}
      {target !== null && direction === 'expected' && (
        <p class="cause-target">
          Expected was <Hex value={target} />
        </p>
      )}
    </>
  );
}
