import { homedir } from 'node:os';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { readJsonFile } from '../evidence/json-file.ts';
import { keysAt } from '../evidence/schema-keys.ts';
import { mostSimilar } from '../similar.ts';
import { type HostEntry, hostsSchema, isSshKey, type SshAccess } from './hosts-schema.ts';

export type { HostEntry } from './hosts-schema.ts';

const MAX_FINDINGS = 8;

/** One thing that is wrong: where, what was expected and found, and what to do. */
interface Finding {
  what: string;
  hint?: string | undefined;
}

/**
 * Reads hosts.json. Paths on the machine of the harness come back absolute: `~` and `$NAME` are expanded, and relative
 * paths start at the folder of the file.
 * @param environment where `$NAME` is looked up; null: nowhere, and paths with one stay as they are: no host will be reached
 * @param home what `~` stands for
 * @throws HarnessError FILE_UNREADABLE; HOSTS_INVALID, naming every place that is wrong
 */
export function loadHosts(
  path: string,
  environment: Readonly<NodeJS.ProcessEnv> | null = process.env,
  home: string = homedir(),
): HostEntry[] {
  return hostsOf(readJsonFile(path, z.unknown(), 'HOSTS_INVALID'), path, environment, home);
}

/** The hosts of a document as `loadHosts` gives them. @param path of the file that it is in, or will be   @throws HarnessError HOSTS_INVALID */
export function hostsOf(
  document: unknown,
  path: string,
  environment: Readonly<NodeJS.ProcessEnv> | null = process.env,
  home: string = homedir(),
): HostEntry[] {
  const parsed = hostsSchema.safeParse(document);
  const findings: Finding[] = [];
  if (!parsed.success) {
    // A mistyped key is also a missing one; the mistyped one says more, so it comes first.
    const rank = (issue: z.core.$ZodIssue) => (issue.code === 'unrecognized_keys' ? 0 : 1);
    const issues = [...parsed.error.issues].sort((left, right) => rank(left) - rank(right));
    throw invalid(
      issues.flatMap((issue) => findingsOf(issue, document)),
      path,
    );
  }
  const expand = (text: string, at: string): string => {
    if (environment === null) return text;
    const expanded = expandPath(text, environment, home);
    if (typeof expanded === 'string') return resolve(dirname(path), expanded);
    findings.push({ what: `${at}: ${expanded.missing} is not set in the environment` });
    return text;
  };
  const entries = parsed.data.hosts.map((entry, index): HostEntry => {
    const at = `hosts[${index}]`;
    const qemu = withTrees(entry, at, expand);
    if (entry.kind === 'local') return { ...entry, qemu };
    const { jump, ...own } = entry;
    return {
      ...own,
      qemu,
      ...withPaths(own, at, expand),
      ...(jump === undefined ? {} : { jump: { ...jump, ...withPaths(jump, `${at}.jump`, expand) } }),
    };
  });
  if (findings.length > 0) throw invalid(findings, path);
  return entries;
}

/** QEMU builds, with the folders that are here made absolute. */
function withTrees({ qemu }: HostEntry, at: string, expand: (text: string, at: string) => string): HostEntry['qemu'] {
  const builds = Object.entries(qemu).map(([name, build]) => {
    if (typeof build === 'string') return [name, build] as const;
    return [name, { ...build, tree: expand(build.tree, `${at}.qemu.${name}.tree`) }] as const;
  });
  return Object.fromEntries(builds);
}

/** The fields of a way to reach a machine that are paths here, made absolute; known_hosts is the user's own by default. */
function withPaths(
  access: SshAccess,
  at: string,
  expand: (text: string, at: string) => string,
): Partial<Pick<SshAccess, 'privateKey' | 'knownHosts' | 'passphrase' | 'password'>> {
  const unchecked = access.hostKey !== undefined || access.hostKeyCheck === 'off';
  const knownHosts = access.knownHosts ?? (unchecked ? undefined : '~/.ssh/known_hosts');
  const secret = (key: 'passphrase' | 'password') => {
    const reference = access[key];
    if (reference === undefined || !('file' in reference)) return {};
    return { [key]: { file: expand(reference.file, `${at}.${key}.file`) } };
  };
  return {
    ...(access.privateKey === undefined ? {} : { privateKey: expand(access.privateKey, `${at}.privateKey`) }),
    ...(knownHosts === undefined ? {} : { knownHosts: expand(knownHosts, `${at}.knownHosts`) }),
    ...secret('passphrase'),
    ...secret('password'),
  };
}

function expandPath(
  text: string,
  environment: Readonly<NodeJS.ProcessEnv>,
  home: string,
): string | { missing: string } {
  let missing: string | undefined;
  const expanded = text
    .replace(/^~(?=\/|$)/, () => home)
    .replaceAll(
      /\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))/g,
      (_, braced?: string, plain?: string) => {
        const name = braced ?? plain ?? '';
        const value = environment[name];
        if (value === undefined || value === '') missing ??= `$${name}`;
        return value ?? '';
      },
    );
  return missing === undefined ? expanded : { missing };
}

function invalid(findings: readonly Finding[], path: string): HarnessError {
  const [only, second] = findings;
  if (only !== undefined && second === undefined) {
    const hint = only.hint ?? 'compare it with hosts.example.json';
    return new HarnessError({ code: 'HOSTS_INVALID', what: only.what, where: path, hint });
  }
  const lines = findings.map(({ what, hint }) => (hint === undefined ? what : `${what} (${hint})`));
  const more = lines.length - MAX_FINDINGS;
  const shown = more > 0 ? [...lines.slice(0, MAX_FINDINGS), `and ${more} more`] : lines;
  return new HarnessError({
    code: 'HOSTS_INVALID',
    what: `${lines.length} things are wrong:\n    ${shown.join('\n    ')}\n `,
    where: path,
    hint: 'compare it with hosts.example.json',
  });
}

function findingsOf(issue: z.core.$ZodIssue, document: unknown): Finding[] {
  const at = placeOf(issue.path);
  if (issue.code !== 'unrecognized_keys') {
    const found = valueAt(document, issue.path);
    const told = issue.code !== 'custom' && found !== undefined && !isSecret(issue.path);
    const got = told ? `, got ${excerpt(found)}` : '';
    const missing = found === undefined && issue.code !== 'custom' ? 'is missing: ' : '';
    return [{ what: `${at}: ${missing}${wordsOf(issue)}${got}` }];
  }
  const kind = Reflect.get(Object(valueAt(document, issue.path)), 'kind');
  const known = keysAt(hostsSchema, issue.path, document);
  return issue.keys.map((key) => {
    const similar = mostSimilar(key, known);
    const hint =
      kind === 'local' && isSshKey(key)
        ? `"${key}" is for hosts of the kind "ssh"`
        : similar === undefined
          ? `known keys: ${known.join(', ')}`
          : `did you mean "${similar}"?`;
    return { what: `${at}: unknown key "${key}"`, hint };
  });
}

/** The message of an issue without the preamble and the ending of zod; what was found is said by the caller. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_union' && issue.path.at(-1) === 'kind') return 'expected "ssh" or "local"';
  return issue.message.replace(/^Invalid input: |^Invalid option: /, '').replace(/, received .*$/, '');
}

/** Somebody may have written the secret itself where only the name of its place may stand. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.includes('password') || path.includes('passphrase');
}

function placeOf(path: readonly PropertyKey[]): string {
  const place = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
  return place === '' ? 'the file' : place.replace(/^\./, '');
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document;
  for (const part of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined;
  return value;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
