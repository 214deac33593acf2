import { mkdirSync, writeFileSync } from 'node:fs';
import { gatherFiles } from '../../lib/cli/files-at-hand.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

test.beforeAll(() => {
  mkdirSync(inFolder('store', 'ab12'), { recursive: true });
  writeFileSync(inFolder('given.fd'), firmwareImage());
  writeFileSync(inFolder('beside.fd'), firmwareImage({ bytes: 16384 }));
  writeFileSync(inFolder('vmlinuz'), 'a kernel');
  writeFileSync(inFolder('empty'), '');
  writeFileSync(inFolder('store', 'ab12', 'deep.fd'), firmwareImage({ bytes: 12288 }));
  // It ends like a firmware, and nothing can be launched with it.
  writeFileSync(inFolder('damaged.fd'), firmwareImage({ header: { signature: 'OOPS' } }));
});

const names = (files: readonly { name: string }[]): string[] => files.map(({ name }) => name);

test('files beside the given one are at hand, sorted into firmware and others; neither itself, nor empty, nor damaged', async () => {
  const { firmwares, others } = await gatherFiles([inFolder('given.fd')], []);
  expect(names(firmwares)).toEqual([inFolder('beside.fd')]);
  expect(names(others)).toEqual([inFolder('vmlinuz')]);
});

test('a folder that is named is looked through, as a store of a host is laid out', async () => {
  const { firmwares } = await gatherFiles([], [inFolder('store')]);
  expect(names(firmwares)).toEqual([inFolder('store', 'ab12', 'deep.fd')]);
});

test('a folder that is named and not there is an error; one beside a given file that cannot be read is a note', async () => {
  const gone = gatherFiles([], [inFolder('gone')]);
  await expect(gone).rejects.toMatchObject({ code: 'FILE_UNREADABLE', where: inFolder('gone') });
  const { notes, firmwares } = await gatherFiles([inFolder('gone', 'given.fd')], []);
  expect(firmwares).toEqual([]);
  expect(notes).toEqual([expect.stringMatching(/^not looked at: .*gone: there is no such file$/)]);
});
