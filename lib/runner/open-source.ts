import type { EvidenceSource } from './outcome.ts';
import type { LoadedPlan } from './plan.ts';
import { Replayer } from './replayer.ts';

/** Where the evidence of a host's cells comes from in this run. @throws HarnessError HOSTS_INVALID */
export async function openSource(loaded: LoadedPlan, name: string, cacheFolder: string): Promise<EvidenceSource> {
  const { source, plan } = loaded;
  if (source.kind === 'replay') return new Replayer(name, source.recording);
  // All that reaches hosts is loaded only where there are some: a worker that plays back begins in half the time.
  const [{ LabSource }, { MatrixArtifacts }] = await Promise.all([import('./lab-source.ts'), import('./launcher.ts')]);
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  return new LabSource(name, source.entries, { plan, artifacts, reference: source.reference, cacheFolder });
}
