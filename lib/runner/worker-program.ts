import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleFolder } from './package-root.ts';

/** Are launches that tests announce made ahead of them? */
export function launchesAhead({ source }: { source: { kind: 'hosts' | 'replay' } }): boolean {
  return source.kind === 'hosts' && workerProgram('ahead/launch-process') !== null;
}

/** Programs of threads and processes, by the part of the bundle that they are in. */
const PROGRAMS = {
  'search-worker': 'cli',
  'hash-worker': 'cli',
  'ahead/launch-process': 'runner',
} as const;

/**
 * The program of a thread or process beside this one: beside this file in an installed package, and in the bundle that
 * bin/snp-conform makes of a checkout. Sources that are run as they are have none: the process that asks does the work.
 * @param name of its file, without its ending
 */
export function workerProgram(name: keyof typeof PROGRAMS): URL | null {
  const bundle = bundleFolder();
  if (bundle !== undefined) return pathToFileURL(join(bundle, PROGRAMS[name], 'lib', 'runner', `${name}.mjs`));
  return import.meta.url.endsWith('.ts') ? null : new URL(`./${name}.js`, import.meta.url);
}
