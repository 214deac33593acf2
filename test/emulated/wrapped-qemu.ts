import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const QEMU = '/usr/bin/qemu-system-x86_64';

/** An edit for the word after an option. */
export const after = (option: string, change: string): string => `[ "$before" = ${option} ] && ${change}`;

/** The word as sed changes it. */
export const sed = (script: string): string => `"$(printf %s "$word" | sed '${script}')"`;

/** An edit that adds words to the end of the command line. */
export const added = (words: string): string => `[ "$word" = -S ] && set -- "$@" ${words}`;

/**
 * A QEMU that is not quite the one that was asked for: a script that changes its command line.
 * @param edit shell that changes `$word`, knowing the one before it as `$before` and the folder as `$FOLDER`
 * @returns its path
 */
export async function wrappedQemu(folder: string, name: string, edit: string): Promise<string> {
  const path = join(folder, `qemu-${name}`);
  const lines = [
    '#!/bin/sh',
    `FOLDER=${folder}`,
    'before= left=$#',
    'while [ "$left" -gt 0 ]; do',
    '  word=$1; shift; left=$((left - 1)); next=$word',
    `  { ${edit}; } || :`,
    '  set -- "$@" "$word"; before=$next',
    'done',
    `exec ${QEMU} "$@"`,
    '',
  ];
  await writeFile(path, lines.join('\n'));
  await chmod(path, 0o755);
  return path;
}
