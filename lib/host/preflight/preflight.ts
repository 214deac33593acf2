import type { HostReport } from '../../evidence/host-report.ts';
import type { Emulation } from '../emulation.ts';
import type { HostEntry } from '../hosts-file.ts';
import type { TreePacker } from '../qemu-tree.ts';
import type { Session } from '../session.ts';
import { type Examination, examineHost, findingOf } from './examine.ts';

/** What a preflight needs of the world outside. */
export interface PreflightMeans {
  /** @throws HarnessError SSH_*, FILE_UNREADABLE */
  open(entry: HostEntry): Promise<Session>;
  /** @throws HarnessError NATIVE_BUILD, HOSTS_INVALID */
  emulationOf(entry: HostEntry): Promise<Emulation | null>;
  /** For the QEMU builds that are folders here. */
  trees: TreePacker;
  now(): Date;
}

async function examined(entry: HostEntry, means: PreflightMeans): Promise<Examination> {
  const emulation = await means.emulationOf(entry);
  const session = await means.open(entry);
  try {
    return await examineHost(entry, session, emulation, means.trees);
  } finally {
    await session.close();
  }
}

/** Looks at one host, once. It always ends in a report: what cannot be asked is what is wrong with the host. */
export async function preflightHost(entry: HostEntry, means: PreflightMeans): Promise<HostReport> {
  const examination = await examined(entry, means).catch(
    (thrown: unknown): Examination => ({
      state: 'out',
      findings: [findingOf(thrown)],
      facts: null,
      provenance: null,
      slots: { configured: entry.slots, usable: 0, boundBy: 'host', why: 'it could not be examined' },
    }),
  );
  return { format: 'snp-conform/host@1', name: entry.name, checkedAt: means.now().toISOString(), ...examination };
}
