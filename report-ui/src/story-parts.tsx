import type { CellFile } from '../../lib/evidence/schema.ts';
import type { LedgerRow } from '../../lib/reporters/page/model.ts';
import { Compared, ShortHex } from './digest.tsx';
import { Fact } from './facts.tsx';
import { duration, Shape } from './result.tsx';

type Check = CellFile['verdict']['checks'][number];

const CHECK_KIND = { pass: 'pass', fail: 'fail', 'not-applicable': 'skip' } as const;
const CHECK_WORDS = { pass: 'holds', fail: 'does not hold', 'not-applicable': 'cannot be told' } as const;

/** All checks, those that do not hold first. */
export function Checks({ checks }: { checks: readonly Check[] }) {
  const rank = { fail: 0, pass: 1, 'not-applicable': 2 } as const;
  const sorted = [...checks].sort((left, right) => rank[left.status] - rank[right.status]);
  return (
    <ul class="checks">
      {sorted.map((check) => (
        <li key={check.name} class={`check check-${check.status}`}>
          <span class={`check-status tone-${CHECK_KIND[check.status]}`} title={CHECK_WORDS[check.status]}>
            <Shape kind={CHECK_KIND[check.status]} />
            <span class="visually-hidden">{CHECK_WORDS[check.status]}:</span>
          </span>
          <b class="check-name">{check.name}</b>
          <span class="check-detail">{check.detail}</span>
          {check.status === 'fail' && (check.expected !== null || check.observed !== null) && (
            <dl class="check-values">
              <dt>expected</dt>
              <dd>
                <Compared value={check.expected} other={check.observed} />
              </dd>
              <dt>observed</dt>
              <dd>
                <Compared value={check.observed} other={check.expected} />
              </dd>
            </dl>
          )}
        </li>
      ))}
    </ul>
  );
}

const differs = (row: LedgerRow): boolean => row.observed !== undefined && row.predicted !== row.observed;

/** Predicted and traced pages beside each other; the first that differ are marked. */
export function Ledger({ rows }: { rows: readonly LedgerRow[] }) {
  const first = rows.findIndex((row) => row.predicted !== null && differs(row));
  return (
    <table class="ledger">
      <thead>
        <tr>
          <th scope="col">#</th>
          <th scope="col">what</th>
          <th scope="col">predicted pages</th>
          <th scope="col">QEMU's trace</th>
          <th scope="col">predicted digest after them</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr
            key={`${index} ${row.what}`}
            class={index === first ? 'ledger-first' : differs(row) ? 'ledger-differs' : ''}
          >
            <td>{index}</td>
            <th scope="row">
              {row.what}
              {index === first && <strong class="first-mark">first difference</strong>}
            </th>
            <td>{row.predicted ?? <span class="absent">size not known</span>}</td>
            <td>
              {row.observed === undefined ? (
                <span class="absent">measured by KVM, not traced</span>
              ) : row.observed === null ? (
                <span class="absent">not traced</span>
              ) : row.observed === row.predicted ? (
                'the same'
              ) : (
                row.observed
              )}
            </td>
            <td>{row.digestAfter !== null && <ShortHex value={row.digestAfter} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The phases of a launch along one line. */
export function Timeline({ timingsMs }: { timingsMs: Readonly<Record<string, number>> }) {
  const phases = Object.entries(timingsMs);
  const total = phases.reduce((sum, [, ms]) => sum + ms, 0);
  if (total === 0) return <p class="absent">No times were taken.</p>;
  let reached = 0;
  return (
    <ul class="timeline">
      {phases.map(([name, ms], index) => {
        const left = (100 * reached) / total;
        reached += ms;
        return (
          <li key={name}>
            <span class="phase-name">{name}</span>
            <span class="phase-track" aria-hidden="true">
              <span
                class={`phase phase-${index % 4}`}
                style={{ left: `${left}%`, width: `${Math.max(0.5, (100 * ms) / total)}%` }}
              />
            </span>
            <span class="phase-time">{duration(ms)}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** What a guest or QEMU wrote. It is shown as text, whatever it looks like. */
export function Log({ text, empty }: { text: string; empty: string }) {
  if (text.trim() === '') return <p class="absent">{empty}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <pre class="log" tabIndex={0}>
      {text}
    </pre>
  );
}

/** Words of a command line, an option and what belongs to it on one line. */
export function CommandLine({ argv }: { argv: readonly string[] }) {
  const lines: string[][] = [];
  for (const word of argv) {
    const last = lines.at(-1);
    if (last === undefined || word.startsWith('-')) lines.push([word]);
    else last.push(word);
  }
  return (
    <ul class="argv">
      {lines.map((line, index) => (
        <li key={index}>
          <Fact value={line.join(' ')} />
        </li>
      ))}
    </ul>
  );
}
