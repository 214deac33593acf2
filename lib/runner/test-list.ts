/** A test as the runner lists it: its project, which is a host, and its title. */
export function testLine(project: string, title: string): string {
  return `${project}  ${title}\n`;
}

/** The titles of the tests that the runner listed, each once, in its order. @param listed what it printed */
export function listedTests(listed: string): string[] {
  const titles = listed.split('\n').flatMap((line) => /^\S* {2}(\S.*)$/.exec(line)?.[1] ?? []);
  return [...new Set(titles)];
}

/** Did the filters leave nothing to run? @param troubles what the runner said outside of any test */
export function foundNoTests(troubles: readonly string[]): boolean {
  return troubles.some((trouble) => trouble.includes('No tests found'));
}
