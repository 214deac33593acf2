import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { HarnessError } from '../../lib/errors.ts';
import { hashInputFile, readFileStart, readInputFile } from '../../lib/evidence/input-file.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

/** What is said of a file that cannot be read. */
async function trouble(path: string, maxBytes = 10): Promise<string> {
  const messages = new Set<string>();
  // One after another: of several that wait at one pipe, the first that gives up lets the others in.
  for (const read of [readInputFile, readFileStart, hashInputFile]) {
    const said = await read({ path, what: 'kernel', maxBytes, pipeMs: 30 }).then(String, (thrown: unknown) => thrown);
    messages.add(said instanceof HarnessError ? said.message : String(said));
  }
  return [...messages].join('\n');
}

test('a file of more than a piece is read and hashed whole', async () => {
  const bytes = Buffer.alloc(1_300_000, 'snp');
  const file = { path: inFolder('large'), what: 'kernel', maxBytes: bytes.length };
  writeFileSync(file.path, bytes);
  expect(Buffer.compare(await readInputFile(file), bytes)).toBe(0);
  expect(await hashInputFile(file)).toEqual(createHash('sha256').update(bytes).digest());
  await expect(hashInputFile({ ...file, maxBytes: bytes.length - 1 })).rejects.toThrow('too large: expected at most');
});

test('what cannot be read is said in words, and nothing is waited for without end', async () => {
  symlinkSync(inFolder('circle'), inFolder('circle'));
  execFileSync('mkfifo', [inFolder('pipe')]);
  expect(await trouble('')).toBe('FILE_UNREADABLE: cannot read the kernel: its path is empty');
  expect(await trouble(inFolder('circle'))).toMatch(/: its symbolic links lead in a circle \(.*circle\)$/);
  expect(await trouble(inFolder('pipe'))).toMatch(/: it is a pipe to which nobody wrote for 30 ms \(.*pipe\)$/);
});

test('a named pipe with a writer is read as a file', async () => {
  const path = inFolder('written');
  execFileSync('mkfifo', [path]);
  const reading = readInputFile({ path, what: 'kernel', maxBytes: 10 });
  const writer = await open(path, 'w');
  await writer.writeFile('bytes');
  await writer.close();
  expect(Buffer.from(await reading).toString()).toBe('bytes');
});
