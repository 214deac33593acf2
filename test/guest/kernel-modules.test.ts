import {
  guestModules,
  isModuleFile,
  type KernelModule,
  type ModuleTree,
  moduleName,
  parseBuiltIn,
  parseDependencies,
} from '../../lib/guest/kernel-modules.ts';
import { expect, test } from '../support/test.ts';
import { madeElf, madeModule } from './made-elf.ts';

/** What each module of a made tree needs, by the path of its file. */
type Needs = Readonly<Record<string, readonly string[]>>;

const LINUX_6_12: Needs = {
  'kernel/drivers/virt/coco/sev-guest/sev-guest.ko.xz': ['tsm'],
  'kernel/drivers/virt/coco/tsm.ko.xz': ['configfs'],
  'kernel/fs/configfs/configfs.ko.xz': [],
  'kernel/drivers/virt/coco/tdx-guest/tdx-guest.ko.xz': ['tsm'],
};

function tree(needs: Needs, options: Partial<ModuleTree> = {}): ModuleTree {
  const files = Object.keys(needs).sort();
  return { folder: '/lib/modules/made', files, builtIn: new Set(), dependencies: null, ...options };
}

function modulesOf(needs: Needs, options: Partial<ModuleTree> = {}): Promise<KernelModule[]> {
  return guestModules(tree(needs, options), async (path) => madeModule(moduleName(path), needs[path]));
}

async function namesOf(needs: Needs, options: Partial<ModuleTree> = {}): Promise<string[]> {
  return (await modulesOf(needs, options)).map(({ name }) => name);
}

test('each module comes after what it needs, and nothing else comes', async () => {
  const modules = await modulesOf(LINUX_6_12);
  expect(modules.map(({ name }) => name)).toEqual(['configfs', 'tsm', 'sev_guest']);
  expect(modules[2]).toEqual({
    name: 'sev_guest',
    path: 'kernel/drivers/virt/coco/sev-guest/sev-guest.ko.xz',
    content: madeModule('sev_guest', ['tsm']),
  });
});

test('depmod decides what a module needs, and which of two files it is', async () => {
  const dependencies = parseDependencies(
    [
      'updates/sev-guest.ko: kernel/crypto/aesgcm.ko updates/tsm.ko kernel/fs/configfs.ko',
      'updates/tsm.ko: kernel/fs/configfs.ko',
      'kernel/fs/configfs.ko:',
      'kernel/crypto/aesgcm.ko:',
      '',
    ].join('\n'),
  );
  const files = [...dependencies.keys(), 'kernel/drivers/virt/coco/sev-guest/sev-guest.ko'];
  const needs = Object.fromEntries(files.map((path) => [path, []]));
  const modules = await modulesOf(needs, { dependencies });
  expect(modules.map(({ path }) => path)).toEqual([
    'kernel/crypto/aesgcm.ko',
    'kernel/fs/configfs.ko',
    'updates/tsm.ko',
    'updates/sev-guest.ko',
  ]);
});

test('without depmod, two files of one module are refused', async () => {
  const twice = { ...LINUX_6_12, 'updates/sev_guest.ko': [] };
  await expect(modulesOf(twice)).rejects.toThrow(/two files are module sev_guest.*\n.*run depmod/);
});

test('what is built in is not loaded', async () => {
  expect(await namesOf(LINUX_6_12, { builtIn: new Set(['configfs']) })).toEqual(['tsm', 'sev_guest']);
  const all = parseBuiltIn('kernel/drivers/virt/coco/sev-guest/sev-guest.ko\nkernel/drivers/virt/coco/tsm.ko\n');
  expect(await namesOf({}, { builtIn: all })).toEqual([]);
});

test('the core of configfs-tsm is found under its newer name, and where the driver does not name it', async () => {
  const linux617 = { 'coco/sev-guest/sev-guest.ko.zst': ['tsm_report'], 'coco/guest/tsm_report.ko.zst': ['configfs'] };
  expect(await namesOf(linux617, { builtIn: new Set(['configfs']) })).toEqual(['tsm_report', 'sev_guest']);
  expect(await namesOf({ 'a/tsm.ko': [] }, { builtIn: new Set(['sev_guest']) })).toEqual(['tsm']);
});

test('a kernel without the driver, or from before configfs-tsm, is refused as such', async () => {
  await expect(modulesOf({ 'kernel/fs/configfs/configfs.ko': [] })).rejects.toThrow(
    /INITRD_INVALID: this kernel has no SNP guest driver.*\n.*CONFIG_SEV_GUEST/,
  );
  await expect(modulesOf({ 'coco/sevguest/sev-guest.ko': [] })).rejects.toThrow(/no configfs-tsm.*\n.*Linux 6\.7/s);
  await expect(modulesOf({}, { builtIn: new Set(['sev_guest']) })).rejects.toThrow('no configfs-tsm');
});

test('a module that is missing is told with who needs it', async () => {
  const { 'kernel/fs/configfs/configfs.ko.xz': _, ...lacking } = LINUX_6_12;
  await expect(modulesOf(lacking)).rejects.toThrow('no module configfs, which tsm needs, and it is not built in');
});

test('modules that need each other are an error, not an endless search', async () => {
  const circle = { 'sev-guest.ko': ['tsm'], 'tsm.ko': ['sev_guest'] };
  await expect(modulesOf(circle)).rejects.toThrow('need each other');
});

test('a file that is no module is refused, though depmod lists it', async () => {
  const dependencies = parseDependencies('a/sev-guest.ko: a/tsm.ko\na/tsm.ko:\n');
  const read = async (): Promise<Uint8Array> => madeElf({});
  await expect(guestModules(tree({}, { dependencies }), read)).rejects.toThrow(
    'not a kernel module: it has no .modinfo (/lib/modules/made/a/sev-guest.ko)',
  );
});

test('files are modules by their names, and names are those of the kernel', () => {
  expect(['a.ko', 'a.ko.gz', 'a.ko.xz', 'a.ko.zst'].filter(isModuleFile).length).toBe(4);
  expect(['a.ko.txt', 'ko', 'modules.dep', 'a.kox'].filter(isModuleFile)).toEqual([]);
  expect(moduleName('kernel/drivers/virt/coco/sev-guest/sev-guest.ko.zst')).toBe('sev_guest');
});
