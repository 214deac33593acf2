import type { QemuFacts } from '../../evidence/host-facts.ts';
import { type Section, textOf } from './sections.ts';
import { shortText } from './text-facts.ts';

const MAX_OPTIONS = 64;
const MAX_MODELS = 256;

const names = (text: string | undefined, pattern: RegExp): string[] => [
  ...new Set([...(text ?? '').matchAll(pattern)].flatMap((match) => match[1] ?? [])),
];

/** What the sections of QEMU_SCRIPT say of one build. */
export function qemuFacts(path: string, sections: ReadonlyMap<string, Section>): QemuFacts {
  const asked = sections.get('version');
  const version = shortText(/^QEMU emulator version (\S[^\n]*)/m.exec(textOf(sections, 'version') ?? '')?.[1]);
  const said = shortText(asked?.text) ?? 'it said nothing';
  const trouble =
    version === undefined ? `${path} --version failed with exit code ${asked?.exitCode ?? 'unknown'}: ${said}` : null;
  const snp = textOf(sections, 'snp');
  return {
    path,
    version: version ?? null,
    trouble,
    snpOptions: snp === undefined ? null : names(snp, /^ +([a-z][a-z0-9-]{0,60})=</gm).slice(0, MAX_OPTIONS),
    igvm: /^ +igvm-cfg=/m.test(textOf(sections, 'machine') ?? ''),
    epycModels: names(textOf(sections, 'cpu'), /^ *(?:x86 )?(EPYC[A-Za-z0-9-]{0,60})(?: |$)/gm).slice(0, MAX_MODELS),
  };
}
