import type { HostEntry } from '../host/hosts-file.ts';

/** What makes two hosts alike: a cell that runs on one would run on the other. */
function kindOf({ tags, emulation, vmmProfile }: HostEntry): string {
  return JSON.stringify([[...tags].sort(), emulation ?? null, vmmProfile ?? null]);
}

/** The hosts that may stand in for one: those of the same tags, platform and VMM profile, in the order of hosts.json. */
export function standInsFor(name: string, entries: readonly HostEntry[]): HostEntry[] {
  const own = entries.find((entry) => entry.name === name);
  if (own === undefined) return [];
  return entries.filter((entry) => entry.name !== name && kindOf(entry) === kindOf(own));
}
