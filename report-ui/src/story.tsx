import { useEffect, useState } from 'preact/hooks';
import type { ResultKind } from '../../lib/evidence/results.ts';
import type { CellDetail, PageCell } from '../../lib/reporters/page/model.ts';
import { History } from './cell-list.tsx';
import type { Values } from './data.ts';
import { Digests } from './digest.tsx';
import { ExplanationOf } from './explanation.tsx';
import { Fact, Facts, Scrolled, Section } from './facts.tsx';
import { Report } from './report.tsx';
import { Badge, counted, duration } from './result.tsx';
import { KIND_WORDS, type Run } from './run.ts';
import { Checks, CommandLine, Ledger, Log, Timeline } from './story-parts.tsx';

type Evidence = PageCell['evidence'];

/** What has a place of its own in a story; all else that evidence may hold is told at its end. */
const TOLD_OF_CELL = ['format', 'evidence', 'predicted', 'verdict', 'explanation'];
const TOLD_OF_EVIDENCE = [
  'format',
  'kind',
  'cell',
  'host',
  'startedAt',
  'artifacts',
  'sent',
  'outcome',
  'timingsMs',
  'certificates',
];

function without(of: object, told: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(of).filter(([name, value]) => !told.includes(name) && value !== undefined));
}

const fieldOf = (of: object, name: string): unknown => (of as Record<string, unknown>)[name];

/** Why there is no observed digest. */
function unobserved({ outcome }: Evidence): string {
  if (outcome.state === 'refused')
    return 'not known: the launch was refused, and the firmware does not tell what it measured';
  if (outcome.state === 'silent') return 'not known: the guest did not speak in time';
  return 'not known: the guest sent no report';
}

function Outcome({ evidence }: { evidence: Evidence }) {
  const { outcome } = evidence;
  const { refusal } = outcome;
  return (
    <>
      {refusal !== null && (
        <p class="refusal">
          <b>{refusal.command}</b> refused: {refusal.text} <code>fw_error={refusal.fwError}</code>{' '}
          <code>ret={refusal.ret}</code>
        </p>
      )}
      <Facts of={{ 'the guest': outcome.state, 'exit code of QEMU': outcome.exitCode }} />
    </>
  );
}

function Launch({ evidence, durationMs }: { evidence: Evidence; durationMs: number }) {
  return (
    <Section title="Launch" note={`${evidence.outcome.state}, ${duration(durationMs)} in all`} open>
      <Outcome evidence={evidence} />
      <Timeline timingsMs={evidence.timingsMs} />
    </Section>
  );
}

function Provenance({ evidence, label }: { evidence: Evidence; label: string }) {
  const { host, artifacts, cell } = evidence;
  const files = { firmware: artifacts.firmware, kernel: artifacts.kernel, initrd: artifacts.initrd };
  const hashes = Object.entries(files).map(([kind, file]) => [kind, file && `${file.name}: sha256 ${file.sha256}`]);
  return (
    <Section title="Provenance" note={`${label}, ${host.name}, ${host.kernel}`}>
      <Facts
        of={{ evidence: label, 'launched at': evidence.startedAt, 'QEMU build': cell.qemu, ...without(host, ['kind']) }}
      />
      <h4>Files under test</h4>
      <Facts of={Object.fromEntries(hashes)} />
    </Section>
  );
}

/** What the cell left behind, as one who looks for the cause reads it. */
function Detail({ run, row, detail }: { run: Run; row: number; detail: CellDetail }) {
  const { cell, observed: reported, ledger, report } = detail;
  const { evidence, verdict } = cell;
  const { outcome, sent } = evidence;
  // Of a launch that was refused the report of the same launch without ID block tells what was measured.
  const { explanation } = cell;
  const observed = reported ?? (explanation?.direction === 'observed' ? explanation.target : null);
  const failed = verdict.checks.filter(({ status }) => status === 'fail').length;
  const certificates = fieldOf(evidence, 'certificates');
  const rest = { ...without(cell, TOLD_OF_CELL), ...without(evidence, TOLD_OF_EVIDENCE) };
  const firstDifference = ledger.some(
    ({ predicted, observed: traced }) => traced !== undefined && predicted !== traced,
  );
  return (
    <>
      {explanation !== undefined && (
        <Section title="Explanation" open>
          <ExplanationOf explanation={explanation} />
        </Section>
      )}
      <Section title="Launch digest" open>
        <Digests predicted={cell.predicted} observed={observed} why={unobserved(evidence)} />
      </Section>
      <Section
        title="Checks"
        note={failed > 0 ? `${failed} of ${verdict.checks.length} do not hold` : `${verdict.checks.length}, none fails`}
        open
      >
        <Checks checks={verdict.checks} />
      </Section>
      <Section
        title="Measured pages"
        note={firstDifference ? 'predicted and traced differ' : 'predicted beside QEMU’s trace'}
        open={firstDifference && failed > 0}
      >
        {ledger.length === 0 ? (
          <p class="absent">The prediction cannot be made from this evidence.</p>
        ) : (
          <Scrolled label="Measured pages">
            <Ledger rows={ledger} />
          </Scrolled>
        )}
      </Section>
      <Launch evidence={evidence} durationMs={run.index.rows.durationMs[row] ?? 0} />
      <Section
        title="Guest console"
        note={counted(outcome.console.length, 'character')}
        open={failed > 0 && outcome.console !== ''}
      >
        <Log text={outcome.console} empty="The guest wrote nothing." />
      </Section>
      <Section
        title="QEMU’s standard error"
        note={counted(outcome.stderr.length, 'character')}
        open={failed > 0 && outcome.stderr !== ''}
      >
        <Log text={outcome.stderr} empty="QEMU wrote nothing." />
      </Section>
      <Section title="Attestation report" note={report === null ? 'none' : '1184 bytes'}>
        {report === null ? (
          <p class="absent">The guest sent none.</p>
        ) : (
          <Scrolled label="Fields of the report">
            <Report report={report} />
          </Scrolled>
        )}
      </Section>
      {certificates !== undefined && (
        <Section title="Certificates">
          <Fact value={certificates} />
        </Section>
      )}
      <Section title="Command line" note={counted(sent.argv.length, 'word')}>
        <CommandLine argv={sent.argv} />
      </Section>
      <Section title="Trace and events" note={`${outcome.trace.length} and ${outcome.qmpEvents.length}`}>
        <h4>QEMU's trace</h4>
        <Fact value={outcome.trace.map(({ event, ...more }) => [event, ...Object.values(more)].join(' '))} />
        <h4>QMP events</h4>
        <Fact
          value={outcome.qmpEvents.map(({ event, data }) =>
            data === undefined ? event : `${event} ${JSON.stringify(data)}`,
          )}
        />
        <h4>query-sev</h4>
        <Fact value={outcome.querySev} />
      </Section>
      <Provenance evidence={evidence} label={run.label(row)} />
      {Object.keys(rest).length > 0 && (
        <Section title="More">
          <Facts of={rest} />
        </Section>
      )}
    </>
  );
}

function Earlier({ run, row, values }: { run: Run; row: number; values: Values }) {
  const { earlier } = run.index;
  const change = earlier?.changes[row] ?? -1;
  const [words, setWords] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    setWords(null);
    if (change >= 0) void values.get(change).then((value) => current && setWords(value));
    return () => {
      current = false;
    };
  }, [change, values]);
  if (earlier === null) return null;
  const before = run.earlierKind(row);
  return (
    <Section title="Since the earlier run" note={earlier.title} open={run.change(row) !== undefined}>
      <p>
        {before === undefined
          ? 'It was not there.'
          : before === run.kind(row)
            ? `It was the same: ${KIND_WORDS[before]}.`
            : `It was: ${KIND_WORDS[before]}.`}
      </p>
      {words !== null && <Fact value={words} />}
    </Section>
  );
}

type Loaded = { row: number; detail: CellDetail } | { row: number; trouble: string };

/** What the row left, once it is unpacked. */
function useDetail(run: Run, row: number, values: Values): Loaded | undefined {
  const [loaded, setLoaded] = useState<Loaded>();
  useEffect(() => {
    const number = run.index.rows.detail[row] ?? -1;
    if (number < 0) return undefined;
    let current = true;
    values.get(number).then(
      (detail) => current && setLoaded({ row, detail: detail as CellDetail }),
      (thrown: unknown) => current && setLoaded({ row, trouble: String(thrown) }),
    );
    return () => {
      current = false;
    };
  }, [run, row, values]);
  return loaded?.row === row ? loaded : undefined;
}

/** Why it did not pass. What is told again below, check by check, is folded. */
function Message({ text, kind, whole }: { text: string; kind: ResultKind; whole: boolean }) {
  const [headline = '', ...more] = text.split('\n');
  if (whole || more.length === 0) return <pre class={`message message-${kind}`}>{text}</pre>;
  return (
    <details class={`message message-${kind}`}>
      <summary>{headline}</summary>
      <pre>{more.join('\n')}</pre>
    </details>
  );
}

interface StoryProps {
  run: Run;
  row: number;
  values: Values;
  onClose: () => void;
}

/** One cell: how it did, why, and all that it left behind. */
export function Story({ run, row, values, onClose }: StoryProps) {
  const loaded = useDetail(run, row, values);
  const kept = (run.index.rows.detail[row] ?? -1) >= 0;
  const message = run.message(row);
  return (
    <article class="story" aria-labelledby="story-title" tabIndex={-1} id="story">
      <div class="story-head">
        <div class="story-line">
          <Badge kind={run.kind(row)} />
          {run.label(row) !== '' && <span class="story-label">{run.label(row)}</span>}
          <History run={run} row={row} />
          <button type="button" class="story-close" onClick={onClose} aria-keyshortcuts="Escape">
            Close
          </button>
        </div>
        <h2 id="story-title">
          {(run.index.rows.id[row] ?? '').split('/').map((part, index) => (
            <span key={index} class="id-part">
              {part}
            </span>
          ))}
        </h2>
        <p class="story-host">
          {run.suite(row)} on <b>{run.host(row)}</b>
        </p>
      </div>
      {message !== '' && <Message text={message} kind={run.kind(row)} whole={!kept} />}
      <Earlier run={run} row={row} values={values} />
      {!kept && <p class="absent">This cell left no evidence.</p>}
      {kept && loaded === undefined && <p class="absent">Reading what it left…</p>}
      {loaded !== undefined && 'trouble' in loaded && <p class="absent">It cannot be read: {loaded.trouble}</p>}
      {loaded !== undefined && 'detail' in loaded && <Detail run={run} row={row} detail={loaded.detail} />}
    </article>
  );
}
