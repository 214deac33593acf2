import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { anchorOf, generateAuthorityKeys } from '../../lib/firmware/authority.ts';
import { emulatedAuthority } from '../../lib/host/authority-store.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const inFolder = testFolder();
/** Small keys, for these are not asked to be like AMD's. */
const generate = () => generateAuthorityKeys(2048);

test('the issuers of a product are made once, whoever else makes them at the same time', async () => {
  const folder = inFolder('once');
  const made = await Promise.all([1, 2, 3].map(() => emulatedAuthority(folder, 'Genoa', generate)));
  const again = await emulatedAuthority(folder, 'Genoa', () => Promise.reject(new Error('made again')));
  const anchors = [...made, again].map(anchorOf);
  expect(new Set(anchors.map(({ spkiSha256 }) => spkiSha256)).size).toBe(1);
  expect(anchors[0]).toMatchObject({ chainName: 'emulated-Genoa', organization: 'snp-conform emulation' });
  expect(again).toEqual(made[0]);
  expect(readdirSync(inFolder('once', 'emulated-authorities')), 'nothing is left over').toEqual([
    'ARK-emulated-Genoa.pem',
    'Genoa.json',
  ]);
});

test('nobody else may read the keys', async () => {
  await emulatedAuthority(inFolder('mode'), 'Milan', generate);
  expect(statSync(inFolder('mode', 'emulated-authorities', 'Milan.json')).mode & 0o777).toBe(0o600);
});

test('a damaged file is named with what to do, and not replaced', async () => {
  const path = inFolder('damaged', 'emulated-authorities', 'Turin.json');
  mkdirSync(inFolder('damaged', 'emulated-authorities'), { recursive: true });
  for (const text of ['', '{', '{"format":"snp-conform/emulated-authority@1"}', '[]']) {
    writeFileSync(path, text);
    const error = await rejection(emulatedAuthority(inFolder('damaged'), 'Turin', generate));
    expect(error).toMatchObject({
      code: 'JSON_INVALID',
      where: path,
      hint: expect.stringContaining('remove the file'),
    });
    expect(readFileSync(path, 'utf8')).toBe(text);
  }
});
