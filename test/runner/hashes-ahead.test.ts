import { createHash } from 'node:crypto';
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { HarnessError } from '../../lib/errors.ts';
import { hashInputFile, type InputFile } from '../../lib/evidence/input-file.ts';
import { HashesAhead } from '../../lib/runner/hashes-ahead.ts';
import { bundled } from '../support/bundled.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const program = bundled('lib', 'runner', 'hash-worker.ts');

const asFile = (name: string): InputFile => ({ path: inFolder(name), what: `artifact ${name}`, maxBytes: 2 ** 30 });

/** A file with holes, as large as makes a thread worth it. */
function largeFile(name: string): InputFile {
  const file = openSync(inFolder(name), 'w');
  writeSync(file, name);
  closeSync(file);
  truncateSync(inFolder(name), 80 << 20);
  return asFile(name);
}

const messageOf = (thrown: unknown): string => (thrown instanceof HarnessError ? thrown.message : String(thrown));

test('a thread hashes files ahead, and what it cannot read is told as it is without one', async () => {
  const [large, missing] = [largeFile('large'), asFile('missing')];
  const hashes = new HashesAhead([large, missing, large], pathToFileURL(program));
  expect(hashes.hasThread).toBe(true);
  const here = await hashInputFile(large);
  expect(await hashes.sha256Of(large)).toEqual(new Uint8Array(here));
  const wanted = await hashInputFile(missing).catch(messageOf);
  expect(await hashes.sha256Of(missing).catch(messageOf)).toBe(wanted);
  await hashes.close();
});

test('a thread that fails or is ended is the trouble of who still waits', async () => {
  const files = [largeFile('large')];
  const [ended, failed] = [pathToFileURL(program), pathToFileURL(inFolder('none.mjs'))].map((url) => {
    const hashes = new HashesAhead(files, url);
    return { hashes, said: Promise.all(files.map((file) => hashes.sha256Of(file))).catch(messageOf) };
  });
  await ended?.hashes.close();
  expect(await ended?.said).toBe('INTERNAL: the thread that hashes files ended before all were hashed');
  expect(await failed?.said).toMatch(/^INTERNAL: the thread that hashes files failed: Cannot find module/);
});

test('few bytes, and any file that was not named before, are hashed when asked for', async () => {
  const file = asFile('few');
  closeSync(openSync(file.path, 'w'));
  const hashes = new HashesAhead([file], pathToFileURL(program));
  expect(hashes.hasThread).toBe(false);
  expect(Buffer.from(await hashes.sha256Of(file))).toEqual(createHash('sha256').digest());
});
