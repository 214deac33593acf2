import { useMemo } from 'preact/hooks';
import type { ResultKind } from '../../lib/evidence/results.ts';
import { type Cause, commonCause } from './causes.ts';
import type { Theme } from './hooks.ts';
import { counted, Shape } from './result.tsx';
import { KIND_WORDS, KINDS, type Run } from './run.ts';

/** What evidence is called, and what that means, at the top of the page: nothing synthetic may look like hardware. */
function Origin({ labels }: { labels: readonly string[] }) {
  const emulated = labels.filter((label) => label.includes('emulated'));
  const recorded = labels.some((label) => label.startsWith('recorded'));
  const onHardware = labels.length > 0 && emulated.length === 0;
  const words = [
    labels.length === 0 ? 'No cell left evidence.' : '',
    emulated.length > 0 && emulated.length === labels.length
      ? 'No SNP hardware was involved: the firmware is emulated.'
      : '',
    emulated.length > 0 && emulated.length < labels.length
      ? 'Some cells ran on emulated firmware, without SNP hardware.'
      : '',
    onHardware ? 'SNP hardware.' : '',
    recorded ? 'Played back from a recording; no guest was launched for this page.' : '',
  ].filter(Boolean);
  return (
    <p class={`origin ${onHardware ? 'origin-hardware' : 'origin-synthetic'}`} data-origin>
      {labels.map((label) => (
        <strong key={label}>{label}</strong>
      ))}
      <span>{words.join(' ')}</span>
    </p>
  );
}

/** When, by what. */
function moment(iso: string | null): string {
  return iso === null ? '' : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** How few are called that are all. */
const WHOLE: Readonly<Record<number, string>> = { 1: 'The one', 2: 'Both' };

function CauseSentence({ cause, kind, onShow }: { cause: Cause; kind: ResultKind; onShow: (cause: Cause) => void }) {
  const { conditions, met, of, all } = cause;
  const whole = met === of;
  const others = all - met;
  return (
    <li>
      <Shape kind={kind} />
      <span>
        {whole ? (WHOLE[of] ?? `All ${of}`) : `${met} of the ${of}`} that{' '}
        {kind === 'fail' ? 'failed' : `had ${KIND_WORDS[kind]}`} {whole && of === 1 ? 'has' : 'have'}{' '}
        {conditions.map(({ axis, value }, index) => (
          <span key={axis.name}>
            {index > 0 ? ' and ' : ''}
            {axis.title} <b>{axis.values[value]}</b>
          </span>
        ))}
        {others === 0 ? '; no other cell has.' : `; so have ${counted(others, 'other cell')}.`}
      </span>
      <button type="button" class="quiet" onClick={() => onShow(cause)}>
        show
      </button>
    </li>
  );
}

/** What cells in trouble have in common. */
export function Causes({ run, onShow }: { run: Run; onShow: (cause: Cause) => void }) {
  // Asked of every row and value: not again for each letter of a search.
  const causes = useMemo(
    () =>
      KINDS.filter((kind) => kind !== 'pass' && kind !== 'skip').flatMap((kind) => {
        const cause = commonCause(run, kind);
        return cause === undefined ? [] : [{ kind, cause }];
      }),
    [run],
  );
  if (causes.length === 0) return null;
  return (
    <ul class="causes" aria-label="What they have in common">
      {causes.map(({ kind, cause }) => (
        <CauseSentence key={kind} kind={kind} cause={cause} onShow={onShow} />
      ))}
    </ul>
  );
}

interface TotalsProps {
  run: Run;
  chosen: readonly ResultKind[];
  onToggle: (kind: ResultKind) => void;
}

/** How many cells of each kind; each count is also a filter. */
export function Totals({ run, chosen, onToggle }: TotalsProps) {
  const { all } = run;
  const order = [...KINDS].reverse().filter((kind) => all[kind] > 0 || kind === 'pass' || kind === 'fail');
  return (
    <div class="totals">
      <div class="totals-bar" aria-hidden="true" hidden={run.count === 0}>
        {order
          .filter((kind) => all[kind] > 0)
          .map((kind) => (
            <span
              key={kind}
              class={`solid-${kind}`}
              style={{ flexGrow: String(Math.max(all[kind], run.count / 120)) }}
            />
          ))}
      </div>
      <fieldset class="totals-counts">
        <legend class="visually-hidden">Show only these results</legend>
        {order.map((kind) => (
          <button
            key={kind}
            type="button"
            class={`total ${all[kind] === 0 ? 'total-none' : `tone-${kind}`}`}
            aria-pressed={chosen.includes(kind)}
            onClick={() => onToggle(kind)}
          >
            <Shape kind={kind} />
            <b>{all[kind].toLocaleString('en')}</b> {KIND_WORDS[kind]}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

interface HeaderProps {
  run: Run;
  theme: Theme;
  onTheme: () => void;
  onHelp: () => void;
}

/** Title, where the evidence comes from, and the two buttons of the page itself. */
export function Header({ run, theme, onTheme, onHelp }: HeaderProps) {
  const { index } = run;
  return (
    <header>
      <div class="masthead">
        <h1>{index.title}</h1>
        <p class="byline">
          {counted(run.count, 'cell')}
          {index.startedAt === null ? '' : `, launched ${moment(index.startedAt)}`} · {index.tool}
        </p>
        <div class="masthead-buttons">
          <button type="button" onClick={onTheme} aria-keyshortcuts="t">
            {theme === 'dark' ? 'Light' : 'Dark'}
          </button>
          <button type="button" onClick={onHelp} aria-keyshortcuts="?">
            Keys
          </button>
        </div>
      </div>
      <Origin labels={index.labels} />
      {index.troubles.length > 0 && (
        <ul class="troubles" aria-label="Trouble outside of cells">
          {index.troubles.map((trouble) => (
            <li key={trouble}>{trouble}</li>
          ))}
        </ul>
      )}
    </header>
  );
}
