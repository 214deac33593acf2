import { CACHE_FOLDER } from '../support/paths.ts';
import { fetchArtifacts } from './artifacts.ts';
import { ensurePrograms } from './requirements.ts';

/** Makes sure, before any test file is loaded, of the programs and files that the tests need. */
export default async function globalSetup(): Promise<void> {
  await ensurePrograms(CACHE_FOLDER);
  await fetchArtifacts(CACHE_FOLDER);
}
