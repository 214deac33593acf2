import { HarnessError } from '../../errors.ts';
import type { HostEntry } from '../hosts-file.ts';
import type { Session } from '../session.ts';
import { CLEAN_SCRIPT, STATUS_SCRIPT } from './scripts.ts';

/** What of ours is on a host. */
export interface HostStatus {
  /** Who holds each slot that was ever taken; null: free. */
  slots: { slot: number; holder: string | null }[];
  launches: { name: string; state: 'live' | 'left'; ageSeconds: number; pids: number[] }[];
  artifacts: { name: string; kib: number; ageSeconds: number }[];
}

/** What became of one thing that was to be removed. */
export interface CleanOutcome {
  kind: 'process' | 'launch' | 'artifact' | 'thing';
  name: string;
  /** Null: it is gone. */
  keptBecause: string | null;
}

const STATUS_MS = 60_000;
const CLEAN_MS = 300_000;
const MAX_ROWS = 10_000;

type Place = Pick<HostEntry, 'directory' | 'sudo'>;

const asRoot = ({ sudo }: Place, argv: readonly string[]): string[] =>
  sudo ? ['sudo', '-n', '--', ...argv] : [...argv];

/** Reads what STATUS_SCRIPT said; lines of no known shape are passed over. */
export function parseStatus(output: string): HostStatus {
  const status: HostStatus = { slots: [], launches: [], artifacts: [] };
  const pids = new Map<string, number[]>();
  for (const line of output.split('\n').slice(0, MAX_ROWS)) {
    const slot = /^slot (\d{1,4}) (?:free|held (.*))$/.exec(line);
    if (slot !== null) status.slots.push({ slot: Number(slot[1]), holder: slot[2] === undefined ? null : slot[2] });
    const launch = /^(live|left) ([\w.-]{1,100}) (-?\d{1,15})$/.exec(line);
    if (launch !== null) {
      const state = launch[1] === 'live' ? 'live' : 'left';
      status.launches.push({ name: launch[2] ?? '', state, ageSeconds: Number(launch[3]), pids: [] });
    }
    const owned = /^process (\d{1,10}) ([\w.-]{1,100})$/.exec(line);
    if (owned?.[2] !== undefined) pids.set(owned[2], [...(pids.get(owned[2]) ?? []), Number(owned[1])]);
    const artifact = /^artifact ([\w.-]{1,100}) (\d{1,15}) (-?\d{1,15})$/.exec(line);
    if (artifact !== null) {
      status.artifacts.push({ name: artifact[1] ?? '', kib: Number(artifact[2]), ageSeconds: Number(artifact[3]) });
    }
  }
  status.slots.sort((left, right) => left.slot - right.slot);
  for (const launch of status.launches) launch.pids = pids.get(launch.name) ?? [];
  // A process whose directory is gone is left over as well.
  for (const [name, found] of pids) {
    if (!status.launches.some((launch) => launch.name === name)) {
      status.launches.push({ name, state: 'left', ageSeconds: 0, pids: found });
    }
  }
  return status;
}

/** Looks at what of ours is on a host; changes nothing. @throws HarnessError HOST_COMMAND, HOST_TIMEOUT, SSH_* */
export async function hostStatus(session: Session, place: Place): Promise<HostStatus> {
  const argv = asRoot(place, ['sh', '-c', STATUS_SCRIPT, 'snp-status', place.directory]);
  const { exitCode, stdout, stderr } = await session.run(argv, { timeoutMs: STATUS_MS });
  if (exitCode === 0) return parseStatus(stdout);
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `what is on the host could not be looked at: exit code ${exitCode}, ${stderr.trim().slice(0, 500)}`,
    where: `host ${session.name}, ${place.directory}`,
  });
}

/** What of a status may go: launches that nobody watches over any more, and artifacts that nobody used for so long. */
export function leftovers(status: HostStatus, artifactSeconds: number): Pick<HostStatus, 'launches' | 'artifacts'> {
  return {
    launches: status.launches.filter(({ state }) => state === 'left'),
    artifacts: status.artifacts.filter(({ ageSeconds }) => ageSeconds >= artifactSeconds),
  };
}

function outcomeOf(line: string): CleanOutcome[] {
  const killed = /^killed (\d+) \S+$/.exec(line);
  if (killed !== null) return [{ kind: 'process', name: killed[1] ?? '', keptBecause: null }];
  const [, verb, kind, name = '', why = ''] = /^(removed|kept) (left|artifact|thing) (\S*) ?(.*)$/.exec(line) ?? [];
  if (verb === undefined) return [];
  const named = kind === 'left' ? 'launch' : kind === 'artifact' ? 'artifact' : 'thing';
  return [{ kind: named, name, keptBecause: verb === 'removed' ? null : why }];
}

/**
 * Removes leftovers, each looked at again before it is touched: what somebody took up meanwhile stays.
 * @throws HarnessError HOST_COMMAND, HOST_TIMEOUT, SSH_*
 */
export async function cleanHost(
  session: Session,
  place: Place,
  { launches, artifacts }: Pick<HostStatus, 'launches' | 'artifacts'>,
  artifactSeconds: number,
): Promise<CleanOutcome[]> {
  const things = [...launches.map(({ name }) => `left=${name}`), ...artifacts.map(({ name }) => `artifact=${name}`)];
  if (things.length === 0) return [];
  const script = ['sh', '-c', CLEAN_SCRIPT, 'snp-clean', place.directory, String(artifactSeconds), ...things];
  const { exitCode, stdout, stderr } = await session.run(asRoot(place, script), { timeoutMs: CLEAN_MS });
  if (exitCode === 0) return stdout.split('\n').flatMap(outcomeOf);
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `what was left over could not be removed: exit code ${exitCode}, ${stderr.trim().slice(0, 500)}`,
    where: `host ${session.name}, ${place.directory}`,
  });
}
