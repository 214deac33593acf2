import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { HarnessError } from '../errors.ts';
import type { LocalArtifact } from './host.ts';
import type { Session } from './session.ts';

/** Reading an initrd of a gigabyte from a slow disk. */
const HASH_MS = 300_000;
/** Another one's upload of the same. */
const LOCK_SECONDS = 1800;

const verified = new WeakMap<Session, Map<string, Promise<string>>>();

/**
 * Brings an artifact to a host, once: its path there carries its SHA-256, and what is there already is hashed on the host
 * and replaced where it is damaged. Asked again in the same session it answers at once. Sessions may do it side by side.
 * @param storeDirectory absolute, on the host; made when it is not there
 * @param name of the file there, where it must not be that of the local one
 * @returns `<store>/<sha256>/<name>`
 * @throws HarnessError ARTIFACT_CHANGED when the local file is not what was hashed, FILE_UNREADABLE, HOST_UPLOAD,
 * HOST_DISK, SSH_*
 */
export function ensureArtifact(
  session: Session,
  storeDirectory: string,
  artifact: LocalArtifact,
  name: string = basename(artifact.path),
): Promise<string> {
  const plain = name.replaceAll(/[^A-Za-z0-9._+-]/g, '_').replace(/^[.-]/, '_');
  const hostPath = `${storeDirectory}/${artifact.sha256}/${plain}`;
  const known = verified.get(session) ?? new Map<string, Promise<string>>();
  verified.set(session, known);
  const earlier = known.get(hostPath);
  if (earlier !== undefined) return earlier;
  const bringing = bring(session, artifact, hostPath).catch((error: unknown) => {
    known.delete(hostPath);
    throw error;
  });
  known.set(hostPath, bringing);
  return bringing;
}

/**
 * Looks again at an artifact that was brought to a host.
 * @param hostPath what ensureArtifact gave
 * @throws HarnessError HOST_ARTIFACT when it is not what was brought there; asked for again, it is brought anew
 */
export async function recheckArtifact(session: Session, hostPath: string, artifact: LocalArtifact): Promise<void> {
  const found = await hashOnHost(session, hostPath);
  if (found === artifact.sha256) return;
  verified.get(session)?.delete(hostPath);
  throw new HarnessError({
    code: 'HOST_ARTIFACT',
    what: `${hostPath} was changed on the host: expected SHA-256 ${artifact.sha256}, found ${found ?? 'no file'}`,
    where: `host ${session.name}, artifact ${artifact.name}`,
    hint: 'who else writes there? "directory" of this host in hosts.json is for this tool alone',
  });
}

async function bring(session: Session, artifact: LocalArtifact, hostPath: string): Promise<string> {
  const folder = hostPath.slice(0, hostPath.lastIndexOf('/'));
  if ((await hashOnHost(session, hostPath)) === artifact.sha256) {
    // Old artifacts are cleaned by the time of their last use.
    await session.run(['touch', '-c', '--', folder]);
    return hostPath;
  }
  await Promise.all([checkLocal(artifact), must(session, ['mkdir', '-p', '--', folder], artifact)]);
  // Of several that want it there, one brings it.
  await locked(session, `${folder}/.lock`, artifact, async () => {
    if ((await hashOnHost(session, hostPath)) === artifact.sha256) return;
    if (!(await linked(session, folder, hostPath, artifact))) await upload(session, artifact, hostPath);
  });
  return hostPath;
}

/** Names one of the files of a folder anew, the argument after it, if there is one that is whole. */
const LINK_SCRIPT =
  'for f in "$1"/*; do case $f in *.new) ;; *) [ -f "$f" ] && ln -f -- "$f" "$2" && exit 0 ;; esac; done';

/** The same content may be there under another name. @returns is it there under this one now? */
async function linked(session: Session, folder: string, hostPath: string, { sha256 }: LocalArtifact): Promise<boolean> {
  await session.run(['sh', '-c', LINK_SCRIPT, 'snp-link', folder, hostPath]);
  return (await hashOnHost(session, hostPath)) === sha256;
}

async function upload(session: Session, artifact: LocalArtifact, hostPath: string): Promise<void> {
  // The name is the same every time, so that what broke off can be gone on with.
  const fresh = `${hostPath}.new`;
  try {
    await session.upload(artifact.path, fresh);
    const arrived = await hashOnHost(session, fresh);
    if (arrived !== artifact.sha256) {
      await checkLocal(artifact);
      const what = `expected SHA-256 ${artifact.sha256} on the host, found ${arrived ?? 'no file'}`;
      throw uploadError(session, artifact, what);
    }
    // A guest may be running from the path; a rename leaves it its file.
    await must(session, ['mv', '-f', '--', fresh, hostPath], artifact);
  } catch (error) {
    if (error instanceof HarnessError && error.code === 'SSH_LOST') throw error;
    const free = await freeBytes(session, hostPath);
    await session.run(['rm', '-f', '--', fresh]);
    const { size } = await stat(artifact.path);
    if (free !== undefined && free < size) {
      throw diskError(session, artifact, `${size} bytes do not fit, ${free} are free`);
    }
    throw error;
  }
}

/**
 * Takes a lock, says so, and holds it until its input ends. Whoever waits for the lock of another does so for a time. The file
 * stays: one that is removed is still waited for by some, while others lock the next one of its name.
 */
const LOCK_SCRIPT = 'exec 9>>"$1"; timeout "$2" flock 9 || exit 75; echo locked; read -r _';

/** Does something while nobody else on that host does the same. The lock goes with the session. */
async function locked(
  session: Session,
  path: string,
  artifact: LocalArtifact,
  work: () => Promise<void>,
): Promise<void> {
  const lock = await session.start(['sh', '-c', LOCK_SCRIPT, 'snp-lock', path, String(LOCK_SECONDS)]);
  // Its end is of no interest, and must not be an error that nobody handles.
  const over = lock.ended.catch(() => undefined);
  try {
    const first = await lock.lines[Symbol.asyncIterator]().next();
    if (first.done === true || first.value !== 'locked') {
      throw uploadError(session, artifact, `somebody else was bringing it there for over ${LOCK_SECONDS} s`);
    }
    await work();
  } finally {
    lock.end();
    await over;
  }
}

/** What the file system of a folder takes; undefined where it does not say. */
async function freeBytes(session: Session, hostPath: string): Promise<number | undefined> {
  const folder = hostPath.slice(0, hostPath.lastIndexOf('/'));
  const { stdout } = await session.run(['df', '-Pk', '--', folder]);
  const kib = /^\S.*?\s\d+\s+\d+\s+(\d+)\s+\d+%/m.exec(stdout)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** 64 hex digits; undefined where there is no such file, or it cannot be read. */
async function hashOnHost(session: Session, path: string): Promise<string | undefined> {
  const { stdout } = await session.run(['sha256sum', '--', path], { timeoutMs: HASH_MS });
  return /^\\?([0-9a-f]{64}) /.exec(stdout)?.[1];
}

async function checkLocal(artifact: LocalArtifact): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(artifact.path)) hash.update(chunk as Uint8Array);
  } catch (cause) {
    throw new HarnessError({
      code: 'FILE_UNREADABLE',
      what: `${artifact.path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: `artifact ${artifact.name}`,
      cause,
    });
  }
  const found = hash.digest('hex');
  if (found === artifact.sha256) return;
  throw new HarnessError({
    code: 'ARTIFACT_CHANGED',
    what: `${artifact.path} changed since it was hashed: expected SHA-256 ${artifact.sha256}, found ${found}`,
    where: `artifact ${artifact.name}`,
    hint: 'run again, and do not rebuild artifacts while a run uses them',
  });
}

async function must(session: Session, argv: readonly string[], artifact: LocalArtifact): Promise<void> {
  const { exitCode, stderr } = await session.run(argv);
  if (exitCode === 0) return;
  throw uploadError(session, artifact, `${argv[0]} failed with exit code ${exitCode}: ${stderr.trim()}`);
}

function diskError(session: Session, artifact: LocalArtifact, what: string): HarnessError {
  return new HarnessError({
    code: 'HOST_DISK',
    what: `the disk is full: ${what}`,
    where: `host ${session.name}, artifact ${artifact.name}`,
    hint: 'make room, or give the host another "directory"; `snp-conform hosts clean` removes old artifacts',
  });
}

function uploadError(session: Session, artifact: LocalArtifact, why: string): HarnessError {
  return new HarnessError({
    code: 'HOST_UPLOAD',
    what: `${artifact.path} could not be brought to the host: ${why}`,
    where: `host ${session.name}, artifact ${artifact.name}`,
    hint: 'is "directory" of this host in hosts.json writable, and is there room?',
  });
}
