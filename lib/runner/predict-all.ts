import { HarnessError } from '../errors.ts';
import { DEFAULT_VMM_PROFILE, vmmProfileOfHostKernel } from '../measure/vmm-profiles.ts';
import { MatrixArtifacts } from './launcher.ts';
import type { LoadedPlan } from './plan.ts';
import { measuredArtifacts, predictCell } from './predict-cell.ts';

/** The VMM profile of each host as far as its entry tells, without asking the host. */
function vmmProfiles(loaded: LoadedPlan): Map<string, string> {
  if (loaded.source.kind !== 'hosts') return new Map();
  return new Map(
    loaded.source.entries.map((entry) => {
      const known = entry.emulation === undefined ? undefined : vmmProfileOfHostKernel(entry.emulation.profile);
      return [entry.name, entry.vmmProfile ?? known ?? DEFAULT_VMM_PROFILE];
    }),
  );
}

/**
 * Predicts every cell of a matrix once, so that a wrong file or axis is told before anything is launched.
 * @returns launch digests, 48 bytes, by cell id and host; empty for a recording
 * @throws HarnessError of the codes of lib/measure and of unreadable files, naming the cell
 */
export async function predictAll(
  loaded: LoadedPlan,
  cacheFolder: string,
): Promise<Map<string, Map<string, Uint8Array>>> {
  const digests = new Map<string, Map<string, Uint8Array>>();
  const { source } = loaded;
  if (source.kind !== 'hosts') return digests;
  const artifacts = new MatrixArtifacts(source.matrix, source.matrixFile, cacheFolder);
  const profiles = vmmProfiles(loaded);
  for (const { cell, hosts } of loaded.cells) {
    const byHost = new Map<string, Uint8Array>();
    try {
      const { firmwareDescriptor, kernel, initrd } = await artifacts.of(cell);
      const measured = measuredArtifacts(firmwareDescriptor, kernel, initrd);
      for (const host of hosts) {
        byHost.set(host, predictCell(cell, measured, profiles.get(host) ?? DEFAULT_VMM_PROFILE).launchDigest);
      }
    } catch (thrown) {
      if (!(thrown instanceof HarnessError)) throw thrown;
      const { code, what, hint } = thrown;
      const where = [thrown.where, `cell ${cell.id}`].filter((part) => part !== undefined).join(', ');
      throw new HarnessError({ code, what, where, hint, cause: thrown });
    }
    digests.set(cell.id, byHost);
  }
  return digests;
}
