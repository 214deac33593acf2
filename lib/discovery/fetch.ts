import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { HarnessError } from '../errors.ts';
import { hashInputFile } from '../evidence/input-file.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import type { Session } from '../host/session.ts';
import { hexOf } from '../text.ts';

/** An initrd of a distribution has a few hundred MiB at most. */
const ARTIFACT_BYTES_MAX = 1024 ** 3;

/** A file on a host, known by its content. */
export interface HostArtifact {
  readonly path: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/** A name for an artifact in a matrix: that of its file, and some of its hash where another one has that name. */
export function artifactName({ path, sha256 }: HostArtifact, taken: ReadonlySet<string>): string {
  const name = basename(path)
    .replaceAll(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 50);
  return name !== '' && !taken.has(name) ? name : `${name || 'file'}-${sha256.slice(0, 8)}`;
}

/**
 * Brings a file of a host into a folder, under a name; one that is there with that content stays.
 * @throws HarnessError ARTIFACT_CHANGED where what arrives is not what was hashed; OUTPUT_UNWRITABLE where another file has
 * the name; SSH_*, HOST_*
 */
export async function fetchArtifact(
  session: Session,
  { path, sha256 }: HostArtifact,
  folder: string,
  name: string,
): Promise<string> {
  const target = join(folder, name);
  if (existsSync(target)) {
    const there = hexOf(await hashInputFile({ path: target, what: name, maxBytes: ARTIFACT_BYTES_MAX }));
    if (there === sha256) return target;
    const what = `another file has this name: expected SHA-256 ${sha256}, found ${there}`;
    throw new HarnessError({ code: 'OUTPUT_UNWRITABLE', what, where: target, hint: 'move it away, and try again' });
  }
  const bytes = await session.readFile(path, ARTIFACT_BYTES_MAX);
  const arrived = bytes && createHash('sha256').update(bytes).digest('hex');
  if (bytes === undefined || arrived !== sha256) {
    const what = `expected SHA-256 ${sha256}, got ${arrived ?? 'no file'}`;
    const hint = 'it changed since it was looked at: try again';
    throw new HarnessError({ code: 'ARTIFACT_CHANGED', what, where: `host ${session.name}, ${path}`, hint });
  }
  await writeFileAtomically(target, bytes);
  return target;
}
