import { z } from 'zod';

/** A part of a run: the second of five is `2/5`. */
export const PART = /^[1-9]\d{0,3}\/[1-9]\d{0,3}$/;

const MAX_NAMES = 10_000;
const name = z.string().max(400);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A run that was cut into parts, as each of them knows it: what must be the same for two parts to be of one run. */
export const wholeSchema = z.strictObject({
  /** Every host of the run, with the SHA-256 of all launches that were planned for it. */
  launches: z.record(name, sha256),
  /** The files that the launches are made of, by what the run calls them, with the SHA-256 of their content. */
  files: z.record(name, sha256),
  suites: z.array(name).max(100),
  /** Which of the tests were chosen; absent: all. */
  grep: z.string().max(10_000).optional(),
  /** Are the suites not the package's own? */
  ownSuites: z.literal(true).optional(),
});
export type Whole = z.infer<typeof wholeSchema>;

/** What of the whole a part has. */
export const shareSchema = z.strictObject({
  /** Absent: all cells of its hosts. */
  shard: z.string().regex(PART).optional(),
  hosts: z.array(name).max(MAX_NAMES),
});
export type Share = z.infer<typeof shareSchema>;

/** Which part of which run something is. */
export const partSchema = z.strictObject({ whole: wholeSchema, share: shareSchema });
export type Part = z.infer<typeof partSchema>;

/** So many names are in a message; the others are counted. */
const NAMED = 5;

/** `a, b and 3 more` */
export function listed(names: readonly string[]): string {
  const rest = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${rest}`;
}

/**
 * The parts that are not there: of `1/3` and `3/3`, `2/3`.
 * @param parts those that are; parts of another number of parts are of another run, which is not whole either
 */
export function missingParts(parts: Iterable<string>): string[] {
  const there = new Set(parts);
  const wholes = new Set([...there].map((part) => Number(part.split('/')[1])));
  return [...wholes].flatMap((whole) =>
    Array.from({ length: whole }, (_, at) => `${at + 1}/${whole}`).filter((part) => !there.has(part)),
  );
}

const hasAll = ({ launches }: Whole, hosts: Iterable<string>): boolean => {
  const there = new Set(hosts);
  return Object.keys(launches).every((host) => there.has(host));
};

/** Does it lack any of the whole? */
export function isPartial({ whole, share }: Part): boolean {
  return share.shard !== undefined || !hasAll(whole, share.hosts);
}

/** `part 2/5 of milan-1, milan-2`. */
export function shareName({ whole, share: { shard, hosts } }: Part): string {
  const of = hasAll(whole, hosts) ? '' : ` of ${listed(hosts)}`;
  return shard === undefined ? `the part${of}` : `part ${shard}${of}`;
}

/** The keys whose values are not the same in both. */
function differing(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): string[] {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].filter((key) => left[key] !== right[key]).sort();
}

/** What keeps two parts from being of one run; empty: nothing. */
export function differences(left: Whole, right: Whole): string[] {
  const hosts = differing(left.launches, right.launches);
  const files = differing(left.files, right.files);
  return [
    ...(hosts.length === 0 ? [] : [`other cells are planned for ${listed(hosts)}`]),
    ...(files.length === 0 ? [] : [`another file is ${listed(files)}`]),
    ...(left.suites.join() === right.suites.join() ? [] : ['--suite is another']),
    ...(left.grep === right.grep ? [] : ['--grep is another']),
    ...(left.ownSuites === right.ownSuites ? [] : ['--config is another']),
  ];
}

/** A part, and what it is called where that is told. */
export interface NamedPart {
  name: string;
  part: Part;
}

/** One line for each part that is not of the same run as most are; a run that lacks nothing is part of none. */
export function strangers(parts: readonly NamedPart[]): string[] {
  const runs = new Map<string, NamedPart[]>();
  for (const named of parts.filter(({ part }) => isPartial(part))) {
    const { launches, files, ...rest } = named.part.whole;
    const key = JSON.stringify([Object.entries(launches).sort(), Object.entries(files).sort(), rest]);
    runs.set(key, [...(runs.get(key) ?? []), named]);
  }
  const [most, ...others] = [...runs.values()].sort((left, right) => right.length - left.length);
  const [known] = most ?? [];
  if (known === undefined) return [];
  return others.flat().map(({ name, part }) => {
    const what = differences(known.part.whole, part.whole).join('; ');
    return `${name} is not of the same run as ${known.name}: ${what}`;
  });
}

/**
 * What of a run no part has: `2/3`, `milan-2`.
 * @param parts of one run   @param hosts of which there are cells, whatever the parts say
 */
export function lacking(parts: readonly Part[], hosts: Iterable<string> = []): string[] {
  const [first] = parts;
  if (first === undefined) return [];
  const shards = new Map<string, string[]>();
  for (const { share } of parts) {
    const key = JSON.stringify([...share.hosts].sort());
    shards.set(key, [...(shards.get(key) ?? []), share.shard ?? '1/1']);
  }
  const ofHosts = [...shards].flatMap(([key, there]) => {
    const names = JSON.parse(key) as string[];
    const of = hasAll(first.whole, names) ? '' : ` of ${listed(names)}`;
    return missingParts(there).map((shard) => `${shard}${of}`);
  });
  const covered = new Set([...parts.flatMap(({ share }) => share.hosts), ...hosts]);
  return [
    ...ofHosts,
    ...Object.keys(first.whole.launches)
      .filter((host) => !covered.has(host))
      .map((host) => `host ${host}`),
  ];
}
