import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { execaSync } from 'execa';
import { hostsOf } from '../../lib/host/hosts-file.ts';
import { LocalSession } from '../../lib/host/local-session.ts';
import { ensureTree, TreePacker } from '../../lib/host/qemu-tree.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();
const BINARY = 'bin/qemu-system-x86_64';

/** What `make install` leaves, in small. */
function makeTree(name: string, version = '11.1'): { tree: string; binary: string } {
  const tree = path(name);
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ['bin', 'share/qemu']) mkdirSync(`${tree}/${folder}`, { recursive: true });
  writeFileSync(`${tree}/${BINARY}`, `#!/bin/sh\necho QEMU emulator version ${version}\n`);
  chmodSync(`${tree}/${BINARY}`, 0o755);
  writeFileSync(`${tree}/share/qemu/linux boot 'é'.bin`, 'firmware of a device');
  symlinkSync('qemu-system-x86_64', `${tree}/bin/qemu`);
  return { tree, binary: BINARY };
}

async function brought(build: { tree: string; binary: string }, store: string): Promise<string> {
  const session = new LocalSession('here');
  try {
    return await ensureTree(session, path(store), await new TreePacker(path('cache')).pack(build));
  } finally {
    await session.close();
  }
}

test('a tree is on the host as it is here: programs run, links lead on, and its place says what it holds', async () => {
  const there = await brought(makeTree('usual'), 'store');
  expect(there).toMatch(/\/store\/[0-9a-f]{64}\/tree$/);
  expect(execaSync(`${there}/bin/qemu`).stdout).toBe('QEMU emulator version 11.1');
  expect(readFileSync(`${there}/share/qemu/linux boot 'é'.bin`, 'utf8')).toBe('firmware of a device');
});

test('the same files are the same tree, whenever they were made; another byte is another', async () => {
  const packer = new TreePacker(path('cache'));
  const [first, again, other] = [makeTree('first'), makeTree('again'), makeTree('other', '11.2')];
  utimesSync(`${again.tree}/${BINARY}`, 1, 1);
  const sums = await Promise.all([first, again, other].map(async (build) => (await packer.pack(build)).sha256));
  expect(sums[1]).toBe(sums[0]);
  expect(sums[2]).not.toBe(sums[0]);
});

test('a tree that is there is left alone, and one that somebody changed is made anew', async () => {
  const build = makeTree('changed');
  const there = await brought(build, 'kept');
  const { ino } = statSync(there);
  expect(await brought(build, 'kept')).toBe(there);
  expect(statSync(there).ino).toBe(ino);
  appendFileSync(`${there}/${BINARY}`, 'echo and more\n');
  expect(await brought(build, 'kept')).toBe(there);
  expect(execaSync(`${there}/${BINARY}`).stdout).toBe('QEMU emulator version 11.1');
});

test('a tree without QEMU in it is told with what to write', async () => {
  const { tree } = makeTree('empty');
  await expect(new TreePacker(path('cache')).pack({ tree, binary: 'bin/qemu-kvm' })).rejects.toMatchObject({
    code: 'HOSTS_INVALID',
    what: `there is no file bin/qemu-kvm in ${tree}`,
  });
});

test('a host without room for the tree, or a store that is none, is told', async () => {
  writeFileSync(path('file'), '');
  await expect(brought(makeTree('lost'), 'file')).rejects.toMatchObject({ code: 'HOST_UPLOAD' });
});

test('in hosts.json a tree is a path here, and its binary stays in it', () => {
  const hosts = (qemu: object) =>
    hostsOf({ format: 'snp-conform/hosts@1', hosts: [{ name: 'a', kind: 'local', qemu }] }, path('hosts.json'));
  const [host] = hosts({ default: '/usr/bin/qemu', nightly: { tree: 'builds/nightly' } });
  expect(host?.qemu).toEqual({
    default: '/usr/bin/qemu',
    nightly: { tree: `${dirname(path('hosts.json'))}/builds/nightly`, binary: BINARY },
  });
  for (const binary of ['/usr/bin/qemu', '../qemu', 'bin/../../qemu', '']) {
    expect(() => hosts({ nightly: { tree: '/opt', binary } }), binary).toThrow(/HOSTS_INVALID/);
  }
});
