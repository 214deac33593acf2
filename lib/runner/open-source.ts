import { LabSource } from './lab-source.ts';
import { MatrixArtifacts } from './launcher.ts';
import type { EvidenceSource } from './outcome.ts';
import type { LoadedPlan } from './plan.ts';
import { Replayer } from './replayer.ts';

/** Where the evidence of a host's cells comes from in this run. @throws HarnessError HOSTS_INVALID */
export function openSource(loaded: LoadedPlan, name: string, cacheFolder: string): EvidenceSource {
  const { source, plan } = loaded;
  if (source.kind === 'replay') return new Replayer(name, source.recording);
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  return new LabSource(name, source.entries, { plan, artifacts, reference: source.reference, cacheFolder });
}
