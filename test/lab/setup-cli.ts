import { join } from 'node:path';
import { asHarnessError } from '../../lib/errors.ts';
import { CACHE_FOLDER } from '../support/paths.ts';
import { ARTIFACTS, fetchArtifacts } from './artifacts.ts';

// `npm run setup`: the artifacts of the example matrix and of the tests, for who wants only those.
try {
  await fetchArtifacts(CACHE_FOLDER);
  for (const { name, file } of ARTIFACTS) process.stdout.write(`${join(CACHE_FOLDER, 'artifacts', name, file)}\n`);
} catch (thrown) {
  process.stderr.write(`${asHarnessError(thrown, { code: 'INTERNAL' }).message}\n`);
  process.exitCode = 1;
}
