import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KdsCache } from '../../lib/kds/cache.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const inFolder = testFolder();
const BASE = 'https://kds.example';
const AT = new Date('2026-06-01T12:00:00Z');
const BYTES = Uint8Array.from({ length: 100 }, (_, index) => index);

function cacheOf(root: string, base = BASE): { cache: KdsCache; notes: string[] } {
  const notes: string[] = [];
  return { cache: new KdsCache(inFolder(root), base, (text) => notes.push(text)), notes };
}

test('what is kept is what was fetched, and when; and nothing is left beside it', async () => {
  const { cache, notes } = cacheOf('kept');
  expect(cache.read('a')).toBeUndefined();
  await cache.write('a', `${BASE}/a`, BYTES, AT);
  expect(cache.read('a')).toEqual({ bytes: BYTES, fetchedAt: AT });
  expect(readdirSync(cache.folder)).toEqual(['a.json']);
  expect(notes).toEqual([]);
});

test('the answers of two services are kept apart, whatever they are called', async () => {
  const one = cacheOf('apart');
  const others = ['https://kds.example/mirror', 'http://kds.example', 'https://kds.example:444'].map((base) =>
    cacheOf('apart', base),
  );
  await one.cache.write('a', `${BASE}/a`, BYTES, AT);
  for (const { cache } of others) expect(cache.read('a')).toBeUndefined();
});

/** Writes a damaged file where an answer is kept. */
function damaged(root: string, change: (text: string) => string) {
  const { cache, notes } = cacheOf(root);
  const path = join(cache.folder, 'a.json');
  const keep = async (): Promise<void> => {
    await cache.write('a', `${BASE}/a`, BYTES, AT);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };
  return { cache, notes, path, keep };
}

const DAMAGES: readonly (readonly [string, (text: string) => string, string])[] = [
  ['cut off', (text) => text.slice(0, 100), 'not JSON'],
  ['empty', () => '', 'not JSON'],
  ['of another format', (text) => text.replace('entry@1', 'entry@2'), 'format:'],
  ['with a changed body', (text) => text.replace('"AAEC', '"AQEC'), 'its body has not the digest that it states'],
  ['with a body that is no base64', (text) => text.replace('"AAEC', '"??EC'), 'body:'],
  ['of a size that no answer has', (text) => text + ' '.repeat(3 * 1024 * 1024), 'more than 2097152 bytes'],
];

for (const [what, change, why] of DAMAGES) {
  test(`a file ${what} is passed over, and named`, async () => {
    const { cache, notes, path, keep } = damaged(what.replaceAll(' ', '-'), change);
    await keep();
    expect(cache.read('a')).toBeUndefined();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(path);
    expect(notes[0]).toContain(why);
    await cache.write('a', `${BASE}/a`, BYTES, AT);
    expect(cache.read('a')?.bytes).toEqual(BYTES);
  });
}

test('a folder in the place of a file is passed over, and writing there is trouble of the cache', async () => {
  const { cache, notes } = cacheOf('folder');
  mkdirSync(join(cache.folder, 'a.json'), { recursive: true });
  expect(cache.read('a')).toBeUndefined();
  expect(notes[0]).toContain('it is a directory');
  expect(await rejection(cache.write('a', BASE, BYTES, AT))).toMatchObject({
    code: 'KDS_CACHE',
    kind: 'infrastructure',
  });
  expect(readdirSync(dirname(join(cache.folder, 'a.json')))).toEqual(['a.json']);
});
