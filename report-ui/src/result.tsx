import type { ResultKind } from '../../lib/evidence/results.ts';
import { KIND_WORDS } from './run.ts';

/** The shape of a result; its colour alone would not reach everybody. */
export function Shape({ kind }: { kind: ResultKind }) {
  return <span class={`shape shape-${kind}`} aria-hidden="true" />;
}

/** A result in shape, colour and words. */
export function Badge({ kind }: { kind: ResultKind }) {
  return (
    <span class={`badge tone-${kind}`}>
      <Shape kind={kind} />
      {KIND_WORDS[kind]}
    </span>
  );
}

/** Results one after another, the last the newest. */
export function Sparkline({ kinds, title }: { kinds: readonly (ResultKind | undefined)[]; title: string }) {
  return (
    <span class="sparkline" role="img" aria-label={title} title={title}>
      {kinds.map((kind, index) => (
        <span key={index} class={`spark spark-${kind ?? 'none'}`} />
      ))}
    </span>
  );
}

/** `1 cell`, `2 cells`. */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : more}`;
}

/** Milliseconds as people say them. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 90_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
