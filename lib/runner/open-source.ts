import { AheadSource } from './ahead/ahead-source.ts';
import { AHEAD_VARIABLE } from './ahead/messages.ts';
import type { EvidenceSource } from './outcome.ts';
import type { LoadedPlan } from './plan.ts';
import { Replayer } from './replayer.ts';

/** A plan whose cells are launched on hosts. */
export type HostsPlan = LoadedPlan & { source: { kind: 'hosts' } };

/** The cells of a host, launched by this process. @throws HarnessError HOSTS_INVALID */
export async function openLab({ source, plan }: HostsPlan, name: string, cacheFolder: string): Promise<EvidenceSource> {
  // All that reaches hosts is loaded only where they are reached: other workers begin in half the time.
  const [{ LabSource }, { MatrixArtifacts }] = await Promise.all([import('./lab-source.ts'), import('./launcher.ts')]);
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  return new LabSource(name, source.entries, { plan, artifacts, reference: source.reference, cacheFolder });
}

/** Where the evidence of a host's cells comes from in this run. @throws HarnessError HOSTS_INVALID */
export async function openSource(loaded: LoadedPlan, name: string, cacheFolder: string): Promise<EvidenceSource> {
  const { source, plan } = loaded;
  if (source.kind === 'replay') return new Replayer(name, source.recording);
  const open = (): Promise<EvidenceSource> => openLab({ ...loaded, source }, name, cacheFolder);
  const runner = process.env[AHEAD_VARIABLE];
  return runner === undefined ? open() : new AheadSource(name, plan.runDirectory, runner, open);
}
