import type { Command, Option } from 'commander';

/** What can follow a command on the command line. */
export interface CompletionRow {
  /** The words that lead to it: `hosts check`; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletionOption[];
  /** The values of its first argument; undefined: it takes files. */
  readonly values: readonly string[] | undefined;
}

interface CompletionOption {
  /** `--out`, and `-o` where it has one. */
  readonly flags: readonly string[];
  readonly description: string;
  /** none: it takes no value. files: it takes one of any kind. Else the values that it may have. */
  readonly takes: 'none' | 'files' | readonly string[];
}

/** What is left of a text in one line of a script, so that no shell finds anything in it. */
function plain(text: string): string {
  return text
    .split('\n', 1)
    .join('')
    .replaceAll(/[^A-Za-z0-9 .,:;()/_+=-]/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim();
}

function optionOf({ short, long, description, argChoices, required, optional }: Option): CompletionOption {
  const takes = required || optional ? (argChoices ?? 'files') : 'none';
  return { flags: [long, short].filter((flag) => flag != null), description: plain(description), takes };
}

const HELP: CompletionOption = { flags: ['--help', '-h'], description: 'print help', takes: 'none' };

function rowsOf(command: Command, path: string): CompletionRow[] {
  const row: CompletionRow = {
    path,
    description: plain(command.description()),
    subcommands: command.commands.map((child) => ({ name: child.name(), description: plain(child.description()) })),
    options: [...command.options.filter(({ hidden }) => !hidden).map(optionOf), HELP],
    values: command.registeredArguments[0]?.argChoices,
  };
  return [row, ...command.commands.flatMap((child) => rowsOf(child, `${path} ${child.name()}`.trim()))];
}

/** The rows of a program: itself first, then every command below it. */
export function completionRows(program: Command): CompletionRow[] {
  return rowsOf(program, '');
}

/** Cases of a shell script: what may follow the words of a path, and what an option takes. */
function cases(rows: readonly CompletionRow[]): { words: string[]; values: string[]; paths: string[] } {
  const words = rows.map(({ path, subcommands, options, values = [] }) => {
    const all = [...subcommands.map(({ name }) => name), ...values, ...options.flatMap(({ flags }) => flags)];
    return `    '${path}') words='${all.join(' ')}' ;;`;
  });
  const values = rows.flatMap(({ path, options }) =>
    options.flatMap(({ flags, takes }) => {
      if (takes === 'none') return [];
      const what = takes === 'files' ? 'files=1' : `words='${takes.join(' ')}'`;
      return flags.map((flag) => `    '${path} ${flag}') ${what}; return ;;`);
    }),
  );
  return { words, values, paths: rows.map(({ path }) => path).filter((path) => path !== '') };
}

/** The shell function that both bash and zsh understand: it sets `words` and `files` for the words before the cursor. */
function lookup(rows: readonly CompletionRow[]): string {
  const { words, values, paths } = cases(rows);
  return `_snp_conform_lookup() {
  local at='' previous='' word
  words='' files=''
  for word in "$@"; do
    case "$at $word" in
${paths.map((path) => `      '${path.includes(' ') ? path : ` ${path}`}') at='${path}' ;;`).join('\n')}
    esac
    previous=$word
  done
  case "$at $previous" in
${values.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  files=1
}`;
}

/** The completion of bash. */
export function bashCompletion(rows: readonly CompletionRow[]): string {
  return `# bash completion of snp-conform; made by: snp-conform completion bash
${lookup(rows)}
_snp_conform() {
  local words files current=\${COMP_WORDS[COMP_CWORD]}
  _snp_conform_lookup "\${COMP_WORDS[@]:1:COMP_CWORD-1}"
  COMPREPLY=()
  [ -z "$words" ] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [ -n "$files" ] && { [ -z "$words" ] || [ "\${#COMPREPLY[@]}" -eq 0 ]; }; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _snp_conform snp-conform
`;
}

/** The completion of zsh. */
export function zshCompletion(rows: readonly CompletionRow[]): string {
  return `#compdef snp-conform
# zsh completion of snp-conform; made by: snp-conform completion zsh
${lookup(rows).replaceAll('words=', 'candidates=')}
_snp_conform() {
  local candidates files
  _snp_conform_lookup "\${(@)words[2,CURRENT-1]}"
  [ -z "$candidates" ] || compadd -- \${=candidates}
  [ -z "$files" ] || _files
}
if [ "\${funcstack[1]-}" = _snp-conform ]; then
  _snp_conform # zsh loaded this file because it is to complete now.
else
  compdef _snp_conform snp-conform
fi
`;
}

/** The completion of fish. */
export function fishCompletion(rows: readonly CompletionRow[]): string {
  const condition = (path: string): string =>
    path === ''
      ? '__fish_use_subcommand'
      : path
          .split(' ')
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join('; and ');
  const lines = rows.flatMap(({ path, subcommands, options, values = [] }) => {
    const at = `complete -c snp-conform -n '${condition(path)}'`;
    return [
      ...subcommands.map(({ name, description }) => `${at} -f -a '${name}' -d '${description}'`),
      ...values.map((value) => `${at} -f -a '${value}'`),
      ...options.map(({ flags, description, takes }) => {
        const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
        const argument = takes === 'none' ? '' : takes === 'files' ? ' -r -F' : ` -x -a '${takes.join(' ')}'`;
        return `${at} ${names.join(' ')}${argument} -d '${description}'`;
      }),
    ];
  });
  return `# fish completion of snp-conform; made by: snp-conform completion fish\n${lines.join('\n')}\n`;
}
