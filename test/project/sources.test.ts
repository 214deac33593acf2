import { expect, test } from '../support/test.ts';
import { projectFiles, projectText, sourceFiles } from './files.ts';

const MOST_LINES = 350;

/** Hosts that serve packages: which one is used is the machine's to say, never the project's. */
const PACKAGE_HOSTS = [
  /\b(?:deb|ftp|cdn|security|snapshot|archive)(?:\.\w+)?\.(?:debian|ubuntu)\.(?:org|com)\b/,
  /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\.\w+/,
];

/** `path:line` of every line of the files that matches. */
function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    (projectText(path) ?? '')
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

test.describe('the sources', () => {
  test(`have no file of over ${MOST_LINES} lines`, () => {
    const long = sourceFiles().filter((path) => (projectText(path) ?? '').trimEnd().split('\n').length > MOST_LINES);
    expect(long).toEqual([]);
  });

  test('name each thing that they export', () => {
    expect(linesMatching(sourceFiles(), /^\s*export\s+\*/)).toEqual([]);
  });

  test('switch no check of the compiler off', () => {
    expect(linesMatching(sourceFiles(), /^\s*\/\/\s*@ts-(?:ignore|nocheck|expect-error)/)).toEqual([]);
  });

  test('name no host that serves packages', () => {
    const named = PACKAGE_HOSTS.flatMap((host) => linesMatching(projectFiles(), host));
    expect(named).toEqual([]);
  });

  test('lock dependencies by version and hash, not by where they were fetched', () => {
    expect(linesMatching(['package-lock.json'], /"resolved":/)).toEqual([]);
    expect(linesMatching(['package-lock.json'], /"integrity":/).length).toBeGreaterThan(50);
  });
});
