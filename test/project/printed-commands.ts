import { projectFiles, projectText } from './files.ts';

/** A command line, and where it is printed. */
export interface Printed {
  readonly where: string;
  readonly line: string;
}

const PROGRAM = /(?:^|[\s|(])(?:npx |\.\/bin\/|node bin\/)?snp-conform (?=[a-z-])/;

/** The command lines in a text: what follows the program, up to the end of the command. */
export function commandLines(text: string, where: string): Printed[] {
  return text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => PROGRAM.test(line))
    .map((line) => ({ where, line: line.slice(line.search(PROGRAM)).replace(PROGRAM, '') }));
}

/** What a shell makes of a command line: the words of the command, the file that takes its output, and the comment. */
export interface ShellLine {
  readonly words: readonly string[];
  readonly into: string | undefined;
  readonly comment: string;
}

/**
 * Splits a command line as a shell would: what is quoted stays one word; what follows a pipe is not ours.
 * @param variables what stands for `$NAME`; without them such words stay as they are printed
 */
export function shellLine(line: string, variables?: Readonly<Record<string, string>>): ShellLine {
  const words: string[] = [];
  const pieces = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)];
  const end = pieces.findIndex(([word]) => /^(?:[|>&;#]|2>|<)/.test(word));
  for (const [word] of end < 0 ? pieces : pieces.slice(0, end)) {
    const filled = word.replaceAll(/'[^']*'|\$([A-Z_]+)/g, (text, name?: string) => {
      if (name === undefined || variables === undefined) return text;
      const value = variables[name];
      if (value === undefined) throw new Error(`nothing stands for $${name} in ${line}`);
      return value;
    });
    words.push(filled.replaceAll(/["']/g, ''));
  }
  return { words, into: / > (\S+)/.exec(line)?.[1], comment: / # (.*)$/.exec(line)?.[1] ?? '' };
}

/** The command lines in the shell blocks of a page, in their order. */
export function printedOn(path: string): Printed[] {
  const text = projectText(path) ?? '';
  const blocks = [...text.matchAll(/^ *```(?:sh|bash|console)\n(.*?)^ *```$/gms)];
  return blocks.flatMap(({ 1: block = '', index }) =>
    commandLines(block, `${path}:${text.slice(0, index).split('\n').length}`),
  );
}

/** README and the pages of docs. */
export function documentPages(): string[] {
  return projectFiles().filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path));
}
