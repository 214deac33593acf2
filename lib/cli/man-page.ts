import type { Command } from 'commander';
import { ERROR_CODES, EXIT_CODES } from '../errors.ts';

/** Text of a manual page: nothing in it is a command of roff. Source: groff_man(7). */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll("'", '\\(aq').replace(/^\./gm, '\\&.');
}

/** The help of a command as it is printed, in a few lines. */
function examplesOf(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return /^Examples:\n((?: {2}.*\n?|\n(?= {2}))*)/m.exec(help)?.[1]?.trimEnd() ?? '';
}

function optionLines(command: Command): string[] {
  return command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ flags, description }) => ['.TP', `.B ${escaped(flags)}`, escaped(description)]);
}

function usageOf(command: Command, path: string): string {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name();
    return argument.required ? `<${name}>` : `[${name}]`;
  });
  return [`snp-conform ${path}`, ...(command.options.length > 0 ? ['[options]'] : []), ...words].join(' ');
}

function sectionOf(command: Command, path: string): string[] {
  const own =
    command.commands.length > 0
      ? []
      : [
          `.SS ${escaped(usageOf(command, path))}`,
          escaped(command.description()),
          ...optionLines(command),
          ...['.PP', 'Examples:', '.PP', '.EX', escaped(examplesOf(command)), '.EE'],
        ];
  return [...own, ...command.commands.flatMap((child) => sectionOf(child, `${path} ${child.name()}`))];
}

/**
 * The manual page of a program, for man(1).
 * @param program with every command as it is   @param version of this package
 */
export function manPage(program: Command, version: string): string {
  const exits = [
    [EXIT_CODES.ok, 'Done, and nothing was wrong.'],
    [EXIT_CODES.failure, 'What was tested is wrong.'],
    [EXIT_CODES.configuration, 'The command line or a file given is wrong.'],
    [EXIT_CODES.infrastructure, 'The lab, or this tool, failed, or the run was interrupted.'],
  ] as const;
  const errors = Object.entries(ERROR_CODES).flatMap(([code, { meaning }]) => ['.TP', `.B ${code}`, escaped(meaning)]);
  const lines = [
    `.TH SNP\\-CONFORM 1 "" "snp\\-conform ${escaped(version)}" "User Commands"`,
    ...['.SH NAME', `snp\\-conform \\- ${escaped(program.description())}`],
    ...['.SH SYNOPSIS', '.B snp\\-conform', '.I command', '[options]'],
    '.SH COMMANDS',
    ...program.commands.flatMap((command) => sectionOf(command, command.name())),
    '.SH EXIT STATUS',
    ...exits.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, meaning]),
    '.SH ERRORS',
    'Every message begins with one of these codes; its hint says what to do.',
    ...errors,
    '.SH ENVIRONMENT',
    ...['.TP', '.B SNP_CONFORM_CACHE', 'The folder that keeps what is fetched or built once.'],
    ...['.TP', '.B SNP_CONFORM_DEBUG', 'Where set, errors show where in the program they arose.'],
    ...['.TP', '.B CI', 'Where set, progress is quiet.'],
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
