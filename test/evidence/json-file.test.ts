import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { checked, readJsonFile, writeFileAtomically } from '../../lib/evidence/json-file.ts';
import { testFolder } from '../support/folder.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const path = testFolder();
const schema = z.strictObject({ hosts: z.array(z.strictObject({ slots: z.int() })) });

test('a file is written with the folders above it', async () => {
  await writeFileAtomically(path('new', 'folder', 'a.txt'), 'text');
  expect(readFileSync(path('new', 'folder', 'a.txt'), 'utf8')).toBe('text');
  await writeFileAtomically(path('new', 'folder', 'a.txt'), Uint8Array.of(1, 2));
  expect([...readFileSync(path('new', 'folder', 'a.txt'))]).toEqual([1, 2]);
  expect(readdirSync(path('new', 'folder'))).toEqual(['a.txt']);
});

test('a reader sees one whole content or another, while many write', async () => {
  const file = path('contended', 'a.json');
  const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(1_000_000));
  await writeFileAtomically(file, contents[0] ?? '');
  let writing = true;
  const writers = Promise.all(contents.map((content) => writeFileAtomically(file, content))).finally(() => {
    writing = false;
  });
  let reads = 0;
  while (writing) {
    expect(contents.includes(readFileSync(file, 'utf8'))).toBe(true);
    reads += 1;
    await new Promise(setImmediate);
  }
  await writers;
  expect(reads).toBeGreaterThan(1);
  expect(readdirSync(path('contended'))).toEqual(['a.json']);
});

test('a write that fails leaves the old and nothing beside it', async () => {
  mkdirSync(path('taken', 'a.json', 'inside'), { recursive: true });
  expect(await rejection(writeFileAtomically(path('taken', 'a.json'), 'new'))).toBeInstanceOf(Error);
  expect(readdirSync(path('taken'))).toEqual(['a.json']);
  expect(readdirSync(path('taken', 'a.json'))).toEqual(['inside']);
});

test('the place of what is wrong is named as one would write it', () => {
  const what = (value: unknown): string =>
    harnessErrorOf(() => checked(schema, value, 'HOSTS_INVALID', 'hosts.json')).what;
  expect(what({ hosts: [{ slots: 1 }, { slots: '2' }] })).toMatch(/^hosts\[1\]\.slots: .*expected/);
  expect(what({ hosts: {} })).toMatch(/^hosts: /);
  expect(what([])).toMatch(/^the document: /);
  expect(what({ hots: [] })).toBe('the document: unknown name "hots"; did you mean "hosts"?');
  expect(what({ hosts: [], hots: 1 })).toContain('did you mean "hosts"?');
  expect(what({ hosts: [], weather: 1 })).toBe('the document: unknown name "weather"');
});

test('a file that is absent, a folder, no JSON or of another shape is told apart', () => {
  const error = (name: string) => harnessErrorOf(() => readJsonFile(path(name), schema, 'HOSTS_INVALID'));
  mkdirSync(path('folder.json'));
  writeFileSync(path('cut.json'), '{"hosts": [');
  writeFileSync(path('other.json'), '{"hosts": 1}');
  expect(error('absent.json')).toMatchObject({ code: 'FILE_UNREADABLE', where: path('absent.json') });
  expect(error('folder.json')).toMatchObject({ code: 'FILE_UNREADABLE', where: path('folder.json') });
  expect(error('cut.json')).toMatchObject({ code: 'HOSTS_INVALID', what: expect.stringMatching(/^not JSON: /) });
  expect(error('other.json')).toMatchObject({ code: 'HOSTS_INVALID', what: expect.stringMatching(/^hosts: /) });
});

test('a file of the right shape is read', () => {
  writeFileSync(path('right.json'), '{"hosts": [{"slots": 3}]}');
  expect(readJsonFile(path('right.json'), schema, 'HOSTS_INVALID')).toEqual({ hosts: [{ slots: 3 }] });
});
