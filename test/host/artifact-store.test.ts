import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureArtifact, recheckArtifact } from '../../lib/host/artifact-store.ts';
import type { LocalArtifact } from '../../lib/host/host.ts';
import { LocalSession } from '../../lib/host/local-session.ts';
import type { Session } from '../../lib/host/session.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { until } from '../support/until.ts';
import { openLabSession } from './lab.ts';

let sshd: Sshd;
let folder: string;
test.beforeAll(async () => {
  sshd = await startSshd();
});
test.afterAll(async () => {
  await sshd.stop();
});
test.beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'snp-store-'));
});
test.afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function artifactOf(content: Uint8Array, file = 'OVMF.fd'): Promise<LocalArtifact> {
  const path = join(folder, file);
  await writeFile(path, content);
  return { name: 'amdsev', path, sha256: createHash('sha256').update(content).digest('hex') };
}

/** A session that counts what it is asked, and may be made to fail. */
class Watched extends LocalSession {
  readonly asked: string[] = [];
  uploads = 0;
  damage: ((hostPath: string) => Promise<void>) | undefined;

  override run(argv: readonly string[], options = {}) {
    this.asked.push(argv[0] ?? '');
    return super.run(argv, options);
  }

  override async upload(localPath: string, hostPath: string) {
    this.uploads += 1;
    await super.upload(localPath, hostPath);
    await this.damage?.(hostPath);
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const kinds: Record<string, () => Promise<Session>> = {
  'over SSH': () => openLabSession(sshd),
  local: async () => new LocalSession('here'),
};
for (const [kind, open] of Object.entries(kinds)) {
  test(`brings an artifact to a host, ${kind}, to a path with its SHA-256`, async () => {
    const session = await open();
    const content = randomBytes(300_000);
    const artifact = await artifactOf(content);
    const path = await ensureArtifact(session, join(folder, 'a', 'store'), artifact);
    expect(path).toBe(join(folder, 'a', 'store', artifact.sha256, 'OVMF.fd'));
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(await readdir(join(folder, 'a', 'store', artifact.sha256))).toEqual(['.lock', 'OVMF.fd']);
    await session.close();
  });
}

/** How many processes hold or wait for the lock of something in a folder. */
function lockers(inside: string): number {
  return readdirSync('/proc').filter((pid) => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`snp-lock\0${inside}`);
      return isOurs && existsSync(`/proc/${pid}/fd/9`);
    } catch {
      return false; // It is no process, or not any more.
    }
  }).length;
}

test('of several that want the same there, one brings it at a time, also after one of them failed', async () => {
  const artifact = await artifactOf(randomBytes(1000));
  const store = join(folder, 'store');
  let [atOnce, most] = [0, 0];
  /** Brings it, once it may; @returns when it has begun, what lets it go on, and how it ended */
  const bring = (fails: boolean) => {
    const session = new Watched('here');
    const go = withResolvers();
    const begun = withResolvers();
    session.damage = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      begun.resolve();
      await go.promise;
      atOnce -= 1;
      if (fails) throw new Error('the disk said no');
    };
    const ended = ensureArtifact(session, store, artifact).then(
      () => 'brought',
      () => 'failed',
    );
    return { begun: begun.promise, go: go.resolve, ended };
  };
  const first = bring(true);
  await first.begun;
  const second = bring(true);
  await until('the second to wait', () => lockers(store) === 2);
  first.go();
  await second.begun;
  const third = bring(false);
  third.go();
  // Who does not wait for the second begins here.
  await Promise.race([third.begun, new Promise((resolve) => setTimeout(resolve, 300))]);
  second.go();
  expect(await Promise.all([first.ended, second.ended, third.ended])).toEqual(['failed', 'failed', 'brought']);
  expect(most).toBe(1);
});

test('hashes once a session, and uploads once a host', async () => {
  const artifact = await artifactOf(randomBytes(1000));
  const first = new Watched('here');
  const paths = await Promise.all([1, 2, 3].map(() => ensureArtifact(first, join(folder, 'store'), artifact)));
  expect(new Set(paths).size).toBe(1);
  expect(first.uploads).toBe(1);
  const asked = first.asked.length;
  await ensureArtifact(first, join(folder, 'store'), artifact);
  expect(first.asked).toHaveLength(asked);

  const second = new Watched('here');
  await ensureArtifact(second, join(folder, 'store'), artifact);
  expect(second.uploads).toBe(0);
  expect(second.asked).toEqual(['sha256sum', 'touch']);
});

test('the same content under another name sends nothing', async () => {
  const session = new Watched('here');
  const artifact = await artifactOf(Buffer.from('firmware'));
  const store = join(folder, 'store');
  const first = await ensureArtifact(session, store, artifact, 'stable.fd');
  const second = await ensureArtifact(session, store, artifact, 'candidate.fd');
  expect(session.uploads).toBe(1);
  expect([await readFile(first, 'utf8'), await readFile(second, 'utf8')]).toEqual(['firmware', 'firmware']);
});

test('replaces a damaged artifact, and leaves the file of whoever has it open', async () => {
  const content = randomBytes(1000);
  const artifact = await artifactOf(content);
  const path = await ensureArtifact(new Watched('here'), join(folder, 'store'), artifact);
  await writeFile(path, 'damaged');
  const { ino } = await stat(path);
  const session = new Watched('here');
  await ensureArtifact(session, join(folder, 'store'), artifact);
  expect((await readFile(path)).equals(content)).toBe(true);
  expect((await stat(path)).ino).not.toBe(ino);
});

test('refuses a local file that is not what was hashed, and leaves nothing on the host', async () => {
  const artifact = await artifactOf(randomBytes(1000));
  await writeFile(artifact.path, 'rebuilt');
  const session = new Watched('here');
  await expect(ensureArtifact(session, join(folder, 'store'), artifact)).rejects.toMatchObject({
    code: 'ARTIFACT_CHANGED',
    what: expect.stringContaining(artifact.sha256),
  });
  expect(session.uploads).toBe(0);
});

test('a file that changes under the upload is ARTIFACT_CHANGED, one that arrives damaged HOST_UPLOAD', async () => {
  const artifact = await artifactOf(randomBytes(1000));
  const session = new Watched('here');
  session.damage = async (hostPath) => {
    await writeFile(hostPath, 'damaged');
  };
  const store = join(folder, 'store');
  await expect(ensureArtifact(session, store, artifact)).rejects.toMatchObject({ code: 'HOST_UPLOAD' });
  expect(await readdir(join(store, artifact.sha256))).toEqual(['.lock']);
  session.damage = async (hostPath) => {
    await writeFile(hostPath, 'newer');
    await writeFile(artifact.path, 'newer');
  };
  await expect(ensureArtifact(session, store, artifact)).rejects.toMatchObject({ code: 'ARTIFACT_CHANGED' });
  expect(await readdir(join(store, artifact.sha256))).toEqual(['.lock']);
});

test('a failure is not remembered', async () => {
  const content = randomBytes(10);
  const artifact = await artifactOf(content);
  await rm(artifact.path);
  const session = new Watched('here');
  const store = join(folder, 'store');
  await expect(ensureArtifact(session, store, artifact)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  await writeFile(artifact.path, content);
  await ensureArtifact(session, store, artifact);
});

test('a store that cannot be made is HOST_UPLOAD', async () => {
  const artifact = await artifactOf(randomBytes(10));
  await expect(ensureArtifact(new Watched('here'), artifact.path, artifact)).rejects.toMatchObject({
    code: 'HOST_UPLOAD',
    what: expect.stringContaining('mkdir'),
  });
});

test('a strange name becomes a plain one', async () => {
  const artifact = await artifactOf(randomBytes(10), '-a b,c.fd');
  const session = new Watched('here');
  expect(await ensureArtifact(session, join(folder, 'store'), artifact)).toMatch(/\/_a_b_c\.fd$/);
  expect(await ensureArtifact(session, join(folder, 'store'), artifact, 'kernel')).toMatch(/\/kernel$/);
});

test('side by side sessions bring the same artifact without harm', async () => {
  const content = randomBytes(200_000);
  const artifact = await artifactOf(content);
  const store = join(folder, 'store');
  const paths = await Promise.all(
    Array.from({ length: 6 }, () => ensureArtifact(new LocalSession('here'), store, artifact)),
  );
  expect(new Set(paths).size).toBe(1);
  expect((await readFile(paths[0] ?? '')).equals(content)).toBe(true);
  expect(await readdir(join(store, artifact.sha256))).toEqual(['.lock', 'OVMF.fd']);
});

test('of several sessions that want an artifact on a host, one brings it', async () => {
  const artifact = await artifactOf(randomBytes(100_000));
  const sessions = Array.from({ length: 4 }, () => new Watched('here'));
  const paths = await Promise.all(sessions.map((session) => ensureArtifact(session, join(folder, 'store'), artifact)));
  expect(new Set(paths).size).toBe(1);
  expect(sessions.reduce((sum, { uploads }) => sum + uploads, 0)).toBe(1);
  expect(await readdir(join(folder, 'store', artifact.sha256))).toEqual(['.lock', 'OVMF.fd']);
});

test('an upload that broke off with its connection is gone on with: what is there already is not sent again', async () => {
  const session = await openLabSession(sshd);
  const content = randomBytes(6_000_000);
  const artifact = await artifactOf(content);
  const target = join(folder, 'arrived');
  // Nobody sends the first bytes again: they stay what they are there.
  const there = Buffer.concat([Buffer.alloc(1000), content.subarray(1000, 5_000_000)]);
  await writeFile(`${target}.part`, there);
  await session.upload(artifact.path, target);
  expect((await readFile(target)).equals(Buffer.concat([there, content.subarray(5_000_000)]))).toBe(true);
  // A beginning that is wrong does not pass for the artifact, and is not in the way of the next attempt.
  const store = join(folder, 'store');
  const hostPath = join(store, artifact.sha256, 'OVMF.fd');
  await session.run(['mkdir', '-p', join(store, artifact.sha256)]);
  await writeFile(`${hostPath}.new.part`, there);
  await expect(ensureArtifact(session, store, artifact)).rejects.toMatchObject({ code: 'HOST_UPLOAD' });
  expect((await readFile(await ensureArtifact(session, store, artifact))).equals(content)).toBe(true);
  await session.close();
});

test('an artifact that somebody changed on the host is told as that, and brought anew', async () => {
  const session = new LocalSession('here');
  const artifact = await artifactOf(randomBytes(1000));
  const path = await ensureArtifact(session, join(folder, 'store'), artifact);
  await recheckArtifact(session, path, artifact);
  await writeFile(path, 'changed');
  await expect(recheckArtifact(session, path, artifact)).rejects.toMatchObject({ code: 'HOST_ARTIFACT' });
  await ensureArtifact(session, join(folder, 'store'), artifact);
  await recheckArtifact(session, path, artifact);
});
