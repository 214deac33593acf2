/** The examples at the end of a help text. @param lines command lines, without the name of the program */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  snp-conform ${line}\n`).join('')}`;
}
