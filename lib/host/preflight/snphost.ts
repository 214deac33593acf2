import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import type { SnphostFacts } from '../../evidence/host-facts.ts';
import { type Section, textOf } from './sections.ts';
import { shortText } from './text-facts.ts';

type Test = SnphostFacts['tests'][number];

const MAX_TESTS = 256;

/**
 * `snphost ok --output json`. Its message is text, or for the comparison of TCBs an object.
 * Source: virtee/snphost src/ok/mod.rs, render_json.
 */
const jsonSchema = z.object({
  tests: z.array(
    z.object({ name: z.string(), status: z.enum(['pass', 'fail', 'skip']), message: z.unknown().optional() }),
  ),
  skipped: z.array(z.string()).default([]),
});

const bounded = (tests: readonly Test[]): Test[] => tests.slice(0, MAX_TESTS);

/** Reads the JSON of newer releases; undefined where it is none. */
export function parseSnphostJson(text: string): Test[] | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined; // Older releases know no --output, and say so.
  }
  const parsed = jsonSchema.safeParse(document);
  if (!parsed.success) return undefined;
  const ran = parsed.data.tests.map(({ name, status, message }): Test => {
    const said = typeof message === 'string' ? message : message === undefined ? '' : JSON.stringify(message);
    return { name: shortText(name) ?? '?', status, message: shortText(said) ?? null };
  });
  const skipped = parsed.data.skipped.map(
    (name): Test => ({ name: shortText(name) ?? '?', status: 'skip', message: null }),
  );
  return bounded([...ran, ...skipped]);
}

/** Reads the lines of `snphost ok`: `[ FAIL ]   - Number of VMPLs: message`, the status in colour. */
export function parseSnphostText(text: string): Test[] {
  const tests: Test[] = [];
  for (const line of stripVTControlCharacters(text).split('\n')) {
    const [, status, rest] = /^\[ ?(PASS|FAIL|SKIP) ?\]\s+- (.+)$/.exec(line) ?? [];
    if (status === undefined || rest === undefined) continue;
    // Two names have a colon themselves: `Page flush MSR: ENABLED`.
    const at = rest.indexOf(': ', rest.startsWith('/dev/') ? 5 : 0);
    tests.push({
      name: shortText(at < 0 ? rest : rest.slice(0, at)) ?? '?',
      status: status.toLowerCase() as Test['status'],
      message: (at < 0 ? undefined : shortText(rest.slice(at + 2))) ?? null,
    });
  }
  return bounded(tests);
}

/** What snphost said; null where the host has none. Its exit code says only that some test failed. */
export function snphostFacts(sections: ReadonlyMap<string, Section>): SnphostFacts | null {
  if (shortText(textOf(sections, 'snphost-there')) === undefined) return null;
  const version = shortText(textOf(sections, 'snphost-version'))?.replace(/^snphost\s+/, '') ?? null;
  const asJson = parseSnphostJson(sections.get('snphost-json')?.text ?? '');
  return { version, tests: asJson ?? parseSnphostText(sections.get('snphost-text')?.text ?? '') };
}
