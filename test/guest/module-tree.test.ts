import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { moduleReader, readModuleTree } from '../../lib/guest/module-tree.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { madeModule } from './made-elf.ts';

const inFolder = testFolder();
const MODULE = madeModule('tsm', ['configfs']);

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

test('a folder of modules is its files, what is built in, and what depmod wrote', async () => {
  const folder = inFolder('tree');
  put(`${folder}/kernel/fs/configfs/configfs.ko.xz`, '');
  put(`${folder}/kernel/drivers/virt/tsm.ko`, '');
  put(`${folder}/kernel/drivers/virt/Makefile`, '');
  put(`${folder}/modules.builtin`, 'kernel/drivers/virt/coco/sev-guest/sev-guest.ko\n');
  put(inFolder('headers', 'odd.ko'), '');
  symlinkSync(inFolder('headers'), `${folder}/build`);
  symlinkSync(inFolder('headers', 'odd.ko'), `${folder}/kernel/linked.ko`);
  expect(await readModuleTree(folder)).toEqual({
    folder,
    files: ['kernel/drivers/virt/tsm.ko', 'kernel/fs/configfs/configfs.ko.xz', 'kernel/linked.ko'],
    builtIn: new Set(['sev_guest']),
    dependencies: null,
  });
  put(`${folder}/modules.dep`, 'kernel/drivers/virt/tsm.ko: kernel/fs/configfs/configfs.ko.xz\n');
  expect((await readModuleTree(folder)).dependencies).toEqual(
    new Map([['kernel/drivers/virt/tsm.ko', ['kernel/fs/configfs/configfs.ko.xz']]]),
  );
});

test('a folder of several kernels, or of none, is refused, and one that is not there', async () => {
  mkdirSync(inFolder('several', '6.12.0', 'kernel'), { recursive: true });
  await expect(readModuleTree(inFolder('several'))).rejects.toThrow(/INITRD_INVALID: not the modules.*\n.*RELEASE/);
  await expect(readModuleTree(inFolder('nowhere'))).rejects.toThrow('FILE_UNREADABLE');
});

const PACKERS: Readonly<Record<string, string[] | null>> = {
  ko: null,
  'ko.gz': ['gzip', '-c'],
  'ko.xz': ['xz', '-c', '--check=crc32'],
  'ko.zst': ['zstd', '-c', '-q'],
};
for (const [form, argv] of Object.entries(PACKERS)) {
  test(`a module is read from .${form}, and its signature stays at its end`, async () => {
    const [program = '', ...args] = argv ?? [];
    const packed = argv === null ? MODULE : execFileSync(program, args, { input: MODULE });
    put(inFolder('packed', `tsm.${form}`), packed);
    const read = await moduleReader(inFolder('packed'))(`tsm.${form}`);
    expect(Buffer.from(read).equals(MODULE)).toBe(true);
  });

  if (argv === null) continue;
  test(`a .${form} that is cut off is refused`, async () => {
    const [program = '', ...args] = argv;
    put(inFolder('cut', `tsm.${form}`), execFileSync(program, args, { input: MODULE }).subarray(0, -20));
    await expect(moduleReader(inFolder('cut'))(`tsm.${form}`)).rejects.toThrow(/INITRD_INVALID.*cannot be unpacked/);
  });
}
