import { parseNumber } from './options.ts';

/** The count of vCPUs present at launch, or what is wrong in QEMU's words. */
export type SmpCount = { vcpus: number } | { fault: string };

/** The levels of the topology, outermost first, and whether a PC has more than one of each. */
const LEVELS = [
  { key: 'drawers', onPc: false },
  { key: 'books', onPc: false },
  { key: 'sockets', onPc: true },
  { key: 'dies', onPc: true },
  { key: 'clusters', onPc: false },
  { key: 'modules', onPc: true },
  { key: 'cores', onPc: true },
  { key: 'threads', onPc: true },
] as const;
type Level = (typeof LEVELS)[number]['key'];

const KEYS: ReadonlySet<string> = new Set(['cpus', 'maxcpus', ...LEVELS.map(({ key }) => key)]);

/** Numbers larger than this are no counts of anything here; products of eight levels stay exact in bigint. */
const COUNT_MAX = 0xffff_ffffn;

type Counts = Map<string, bigint>;

function readCounts(settings: ReadonlyMap<string, string>): Counts | { fault: string } {
  const counts: Counts = new Map();
  for (const [key, text] of settings) {
    if (!KEYS.has(key)) return { fault: `Parameter 'smp.${key}' is unexpected` };
    const value = parseNumber(text);
    if (value === undefined || value > COUNT_MAX)
      return { fault: `Parameter 'smp.${key}' expects a number, got ${JSON.stringify(text)}` };
    if (value === 0n) return { fault: 'Invalid CPU topology: CPU topology parameters must be greater than zero' };
    counts.set(key, value);
  }
  return counts;
}

/** The levels that are given, and the missing ones as QEMU fills them in: cores first, then sockets, then threads. */
function fillLevels(counts: Counts, most: bigint | undefined): Record<Level, bigint> {
  const level = (key: Level): bigint => counts.get(key) ?? 1n;
  const outer = level('drawers') * level('books') * level('dies') * level('clusters') * level('modules');
  let [sockets, cores, threads] = [counts.get('sockets'), counts.get('cores'), counts.get('threads')];
  if (most !== undefined) {
    if (cores === undefined) {
      sockets ??= 1n;
      threads ??= 1n;
      cores = most / (outer * sockets * threads);
    } else if (sockets === undefined) {
      threads ??= 1n;
      sockets = most / (outer * cores * threads);
    }
    threads ??= most / (outer * sockets * cores);
  }
  const given = Object.fromEntries(LEVELS.map(({ key }) => [key, level(key)])) as Record<Level, bigint>;
  return { ...given, sockets: sockets ?? 1n, cores: cores ?? 1n, threads: threads ?? 1n };
}

/**
 * How many vCPUs `-smp` gives a PC at launch: `cpus`; without it `maxcpus`; without both the product of the topology.
 * @param settings the merged keys of every -smp, `cpus` for its first value; empty: no -smp
 * Source: QEMU, hw/core/machine-smp.c, machine_parse_smp_config; tried with QEMU 10.0.
 */
export function smpVcpus(settings: ReadonlyMap<string, string>): SmpCount {
  const counts = readCounts(settings);
  if ('fault' in counts) return counts;
  const foreign = LEVELS.find(({ key, onPc }) => !onPc && (counts.get(key) ?? 1n) > 1n);
  if (foreign !== undefined) return { fault: `${foreign.key} > 1 not supported by this machine's CPU topology` };
  const levels = fillLevels(counts, counts.get('maxcpus') ?? counts.get('cpus'));
  const total = LEVELS.reduce((product, { key }) => product * levels[key], 1n);
  const most = counts.get('maxcpus') ?? counts.get('cpus') ?? total;
  const vcpus = counts.get('cpus') ?? most;
  const topology = LEVELS.filter(({ onPc }) => onPc).map(({ key }) => `${key} (${levels[key]})`);
  if (total !== most) {
    return {
      fault: `Invalid CPU topology: product of the hierarchy must match maxcpus: ${topology.join(' * ')} != maxcpus (${most})`,
    };
  }
  if (most < vcpus) {
    return {
      fault: `Invalid CPU topology: maxcpus must be equal to or greater than smp: maxcpus (${most}) < smp_cpus (${vcpus})`,
    };
  }
  return { vcpus: Number(vcpus) };
}
