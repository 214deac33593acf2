import { PRODUCT_NAMES } from '../../lib/firmware/platform.ts';
import { emulatedAuthority } from '../../lib/host/authority-store.ts';
import { CACHE_FOLDER } from '../support/paths.ts';
import { fetchArtifacts } from './artifacts.ts';
import { fetchNewerRoot } from './newer-root.ts';
import { mayMakeMachines } from './privileges.ts';
import { announced } from './progress.ts';
import { ensurePrograms } from './requirements.ts';

/** Makes sure, before any test file is loaded, of the programs and files that the tests need. */
export default async function globalSetup(): Promise<void> {
  await ensurePrograms(CACHE_FOLDER);
  await fetchArtifacts(CACHE_FOLDER);
  if (mayMakeMachines()) await fetchNewerRoot(CACHE_FOLDER);
  await announced('keys of the emulated chips', () =>
    Promise.all(PRODUCT_NAMES.map((product) => emulatedAuthority(CACHE_FOLDER, product))),
  );
}
