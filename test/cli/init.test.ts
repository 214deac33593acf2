import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chosenNumbers } from '../../lib/cli/ask.ts';
import { qemuNames } from '../../lib/cli/init-choices.ts';
import { type Choices, INIT_FILES, initFiles } from '../../lib/cli/init-files.ts';
import { entryOf, hostName, hostOf, parseTarget, profileOf } from '../../lib/cli/init-host.ts';
import { planCells } from '../../lib/matrix/cells.ts';
import { matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { runCli } from '../support/cli.ts';
import { testFolder } from '../support/folder.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const AMDSEV = { name: 'OVMF.amdsev.fd', path: 'artifacts/OVMF.amdsev.fd', holdsKernelHashes: true };
const PLAIN = { name: 'OVMF.fd', path: 'artifacts/OVMF.fd', holdsKernelHashes: false };
const kernel = (release: string) => ({
  name: `vmlinuz-${release}`,
  path: `artifacts/vmlinuz-${release}`,
  initrd: { name: `agent-${release}.img`, path: `artifacts/agent-${release}.img` },
});
const choices = (change: Partial<Choices> = {}): Choices => ({
  ...{ host: { name: 'here', kind: 'local' }, guestFeatures: 0x21n, qemu: ['default', 'qemu-10.1.0'], sources: null },
  ...{ firmware: [AMDSEV, PLAIN], kernels: [kernel('6.1'), kernel('6.12')] },
  ...change,
});

/** The ids of the cells that the matrix of some choices runs. */
function cellIds(change: Partial<Choices> = {}): string[] {
  const matrix = matrixSchema.parse(JSON.parse(initFiles(choices(change))['matrix.json'] ?? ''));
  const planned = planCells(matrix, [], 'matrix.json').filter(({ excludedBecause }) => excludedBecause === undefined);
  return planned.map(({ cell }) => cell.id);
}

test('a target is user, address and port, of IPv6 too; anything else is refused with the form that is wanted', () => {
  expect(parseTarget('snp@milan-1.lab.example')).toEqual({ user: 'snp', address: 'milan-1.lab.example', port: 22 });
  expect(parseTarget('root@[::1]:2222')).toEqual({ user: 'root', address: '::1', port: 2222 });
  for (const text of ['milan-1', '@milan-1', 'a@b@c', 'snp@milan-1:0', 'snp@milan-1:70000', 'snp@mi lan']) {
    expect(harnessErrorOf(() => parseTarget(text))).toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('user@'),
    });
  }
});

test('a host is called by its machine, in what names of projects may have', () => {
  expect(['Milan-1.lab.example', '192.0.2.7', '::1', '___'].map(hostName)).toEqual([
    'milan-1',
    'host-192-0-2-7',
    'host-1',
    'host',
  ]);
});

test('hosts.json is read back as it was chosen, with paths that do not depend on its folder', () => {
  const home = inFolder('home');
  mkdirSync(`${home}/.ssh`, { recursive: true });
  writeFileSync(`${home}/.ssh/id_ecdsa`, '');
  const flags = { host: 'snp@milan-1', knownHosts: 'known' };
  expect(entryOf(hostOf(flags, '/somewhere', {}, home), '/lab')).toMatchObject({
    ...{ name: 'milan-1', kind: 'ssh', user: 'snp', port: 22, slots: 2, knownHosts: '/somewhere/known' },
  });
  expect(hostOf(flags, '/somewhere', {}, home)).toMatchObject({ privateKey: '~/.ssh/id_ecdsa' });
  expect(hostOf(flags, '/', { SSH_AUTH_SOCK: '/agent' }, '/nowhere')).toMatchObject({ agent: true });
  expect(harnessErrorOf(() => hostOf(flags, '/', {}, '/nowhere')).hint).toContain('ssh-keygen');
});

test('the emulated host kernel is the usual one, or one that exists', () => {
  expect([profileOf({}), profileOf({ emulated: true }), profileOf({ emulated: 'amd-6.8' })]).toEqual([
    undefined,
    'upstream-6.12',
    'amd-6.8',
  ]);
  expect(errorCodeOf(() => profileOf({ emulated: 'amd-6.9' }))).toBe('USAGE');
});

test('of a list none is all, numbers are those, and anything else is asked again', () => {
  expect(['', '2', '3, 1 1', '0', '4', 'x', '-1'].map((answer) => chosenNumbers(answer, 3))).toEqual([
    ...[[0, 1, 2], [1], [2, 0]],
    ...[undefined, undefined, undefined, undefined],
  ]);
});

test('every combination that QEMU can launch is a cell, and no other: kernels where their hashes go, each with its initrd', () => {
  const ids = cellIds();
  expect(ids.filter((id) => id.includes('/1-vcpu/') && id.endsWith('/qemu-default'))).toEqual([
    'OVMF.amdsev.fd/vmlinuz-6.1/initrd-agent-6.1.img/policy-0x30000/features-0x21/1-vcpu/EPYC-v4/qemu-default',
    'OVMF.amdsev.fd/vmlinuz-6.12/initrd-agent-6.12.img/policy-0x30000/features-0x21/1-vcpu/EPYC-v4/qemu-default',
    'OVMF.fd/no-kernel/initrd-none/policy-0x30000/features-0x21/1-vcpu/EPYC-v4/qemu-default',
  ]);
  expect(ids).toHaveLength(12);
  expect(cellIds({ kernels: [], qemu: ['default'] })).toHaveLength(4);
  expect(cellIds({ firmware: [PLAIN], kernels: [], qemu: ['default'] })).toHaveLength(2);
});

test('the first QEMU build is the default one, the others are called by their versions, twice the same apart', () => {
  const build = (path: string, version: string) => ({ kind: 'qemu', path, version, unusable: null }) as const;
  const names = qemuNames([build('/a', '10.0.2 (Debian)'), build('/b', '9.2.0'), build('/c', '9.2.0')]);
  expect(names).toEqual({ default: '/a', 'qemu-9.2.0': '/b', 'qemu-9.2.0-2': '/c' });
});

test('files that are there are never overwritten: nothing is written, and each is named', async () => {
  const folder = inFolder('taken');
  mkdirSync(folder);
  writeFileSync(`${folder}/hosts.json`, 'mine');
  const { exitCode, stderr } = await runCli(['init', folder, '--local', '--emulated', '--yes', '--no-run']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/OUTPUT_UNWRITABLE: hosts.json is there already.*\n {2}hint: name an empty folder/);
  expect(readFileSync(`${folder}/hosts.json`, 'utf8')).toBe('mine');
});

test('without a terminal it asks nothing and says which options it needs', async () => {
  const { exitCode, stderr } = await runCli(['init', inFolder('nobody')]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/USAGE: where are guests to be launched\?.*\n {2}hint: give --local/);
});

test('a folder that can import the package gets its files alone; another one is told where the sources are', () => {
  expect(Object.keys(initFiles(choices()))).toEqual(INIT_FILES);
  const files = initFiles(choices({ sources: '/opt/snp-conform' }));
  expect(JSON.parse(files['tsconfig.json'] ?? '')).toMatchObject({
    compilerOptions: { paths: { 'snp-conform': ['/opt/snp-conform/lib/index.ts'] } },
  });
});
