/** What one command of a preflight script said. */
export interface Section {
  /** Standard output and standard error, at most MAX_SECTION_BYTES. */
  text: string;
  /** Null: its output was cut off. */
  exitCode: number | null;
}

/** The bound of each section; a script applies it on the host. */
export const MAX_SECTION_BYTES = 32 * 1024;

/**
 * The beginning of a script of sections, for any POSIX sh: `section NAME COMMAND...` frames what a command says. Its first
 * argument is the mark of the frames: random, so that nothing that a host says can pass for one.
 */
export const SECTION_PREAMBLE = `
mark=$1
shift
section() {
  printf '%s begin %s\\n' "$mark" "$1"
  shift
  { timeout -s KILL 20 "$@" </dev/null 2>&1; printf '\\n%s end %s\\n' "$mark" "$?"; } | head -c ${MAX_SECTION_BYTES}
  printf '\\n'
}
`;

/**
 * Takes the output of a script of sections apart. Whatever is not framed is passed over; of two sections of one name the
 * first counts.
 * @param mark as it was given to the script
 */
export function parseSections(output: string, mark: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  const [, ...parts] = `\n${output}`.split(`\n${mark} begin `);
  for (const part of parts) {
    const [name = '', ...lines] = part.split('\n');
    const body = lines.join('\n');
    const at = body.indexOf(`\n${mark} end `);
    const said = /^(\d{1,3})(?:\n|$)/.exec(at < 0 ? '' : body.slice(at + mark.length + 6))?.[1];
    const text = (at < 0 ? body : body.slice(0, at)).trimEnd();
    if (!sections.has(name)) sections.set(name, { text, exitCode: said === undefined ? null : Number(said) });
  }
  return sections;
}

/** The text of a section whose command succeeded; undefined where it failed, was cut off or never ran. */
export function textOf(sections: ReadonlyMap<string, Section>, name: string): string | undefined {
  const section = sections.get(name);
  return section?.exitCode === 0 ? section.text : undefined;
}
