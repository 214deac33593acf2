import type { ComponentChildren } from 'preact';

/** `vmmProfile` as `vmm profile`: names of fields are for machines. */
export function words(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/^./, (first) => first.toLowerCase());
}

const LONG = 240;

/** A text that may be long: its beginning, and all of it on demand. */
function LongText({ text }: { text: string }) {
  if (text.length <= LONG) return <code class="text">{text}</code>;
  return (
    <details class="long">
      <summary>
        <code class="text">{text.slice(0, 160)}…</code>{' '}
        <span class="count">{text.length.toLocaleString('en')} characters</span>
      </summary>
      <pre>{text}</pre>
    </details>
  );
}

/** Any JSON value, for people: what this page has no better picture of. */
export function Fact({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (value === null || value === undefined) return <span class="absent">none</span>;
  if (typeof value === 'string') return <LongText text={value} />;
  if (typeof value !== 'object') return <code class="text">{String(value)}</code>;
  if (depth > 6) return <LongText text={JSON.stringify(value)} />;
  if (Array.isArray(value)) {
    if (value.length === 0) return <span class="absent">none</span>;
    return (
      <ol class="fact-list">
        {value.map((item, index) => (
          <li key={index}>
            <Fact value={item} depth={depth + 1} />
          </li>
        ))}
      </ol>
    );
  }
  return <Facts of={value as Record<string, unknown>} depth={depth + 1} />;
}

/** The fields of an object, each with its name. */
export function Facts({ of, depth = 0 }: { of: Record<string, unknown>; depth?: number }) {
  const entries = Object.entries(of).filter(([, value]) => value !== undefined);
  if (entries.length === 0) return <span class="absent">none</span>;
  return (
    <dl class="facts">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>
            <Fact value={value} depth={depth} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A part of a story, folded or not. */
export function Section(props: { title: string; note?: string; open?: boolean; children: ComponentChildren }) {
  const { title, note, open = false, children } = props;
  return (
    <details class="section" open={open}>
      <summary>
        <h3>{title}</h3>
        {note !== undefined && <span class="note">{note}</span>}
      </summary>
      <div class="section-body">{children}</div>
    </details>
  );
}

/** What may be wider than its place; it can be scrolled by the keyboard too. */
export function Scrolled({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="scrolled" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
