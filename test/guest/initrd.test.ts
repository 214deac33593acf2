import { execFileSync } from 'node:child_process';
import { buildInitrd } from '../../lib/guest/initrd.ts';
import type { KernelModule } from '../../lib/guest/kernel-modules.ts';
import { expect, test } from '../support/test.ts';

const BUSYBOX = Buffer.from('busybox');
const modules = (names: readonly string[]): KernelModule[] =>
  names.map((name) => ({ name, path: `kernel/${name}.ko.xz`, content: Buffer.from(`module ${name}`) }));

function unpacked(initrd: Uint8Array, path: string): string {
  return execFileSync('busybox', ['cpio', '-i', '--to-stdout', path], {
    input: initrd,
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

test('the initrd holds the agent, busybox under the names that it calls, and the modules in their order', () => {
  const initrd = buildInitrd({ busybox: BUSYBOX, modules: modules(['configfs', 'tsm', 'sev_guest']) });
  const names = execFileSync('busybox', ['cpio', '-t'], { input: initrd, encoding: 'utf8', stdio: 'pipe' });
  expect(names).toMatch(/^init$/m);
  expect(names).toMatch(/^bin\/sh$/m);
  expect(names.match(/^modules\/.*$/gm)).toEqual([
    'modules/00-configfs.ko',
    'modules/01-tsm.ko',
    'modules/02-sev_guest.ko',
  ]);
  expect(unpacked(initrd, 'modules/01-tsm.ko')).toBe('module tsm');
  expect(unpacked(initrd, 'init')).toMatch(/^#!\/bin\/sh\n/);
});

test('a kernel that has it all built in needs no modules', () => {
  const names = execFileSync('busybox', ['cpio', '-t'], {
    input: buildInitrd({ busybox: BUSYBOX, modules: [] }),
    encoding: 'utf8',
    stdio: 'pipe',
  });
  expect(names).not.toMatch(/\.ko$/m);
});
