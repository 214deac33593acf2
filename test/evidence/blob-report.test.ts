import { writeFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';
import { checkBlobReport } from '../../lib/evidence/blob-report.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

/** A ZIP archive as the runner writes it: every entry has its name as content. */
function archiveOf(names: readonly string[]): Buffer {
  const locals: Buffer[] = [];
  const headers: Buffer[] = [];
  for (const name of names) {
    const content = Buffer.from(name);
    const packed = deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(content.length, 26);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(8, 10);
    header.writeUInt32LE(crc32(content), 16);
    header.writeUInt32LE(packed.length, 20);
    header.writeUInt32LE(content.length, 24);
    header.writeUInt16LE(content.length, 28);
    header.writeUInt32LE(Buffer.concat(locals).length, 42);
    locals.push(local, content, packed);
    headers.push(header, content);
  }
  const [content, directory] = [Buffer.concat(locals), Buffer.concat(headers)];
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(names.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(content.length, 16);
  return Buffer.concat([content, directory, end]);
}

async function check(bytes: Uint8Array): Promise<void> {
  writeFileSync(path('blob.zip'), bytes);
  await checkBlobReport(path('blob.zip'));
}

test('what the runner writes is taken; an entry that would be unpacked elsewhere is named and refused', async () => {
  const good = ['resources/5b1e-a_0.json', 'resources/5b1e', 'report.jsonl', 'report-2.jsonl'];
  await check(archiveOf(good));
  for (const name of ['../x', 'resources/../../x', '/etc/passwd', 'resources/..', 'report.jsonl/x', 'C:\\x', '']) {
    await expect(check(archiveOf([...good, name])), name).rejects.toThrow(
      /RECORDING_INVALID: no blob report: it has an entry/,
    );
  }
});

test('an archive that says that it is too much unpacked is refused', async () => {
  const bomb = archiveOf(['report.jsonl', 'resources/a.json']);
  const at = bomb.indexOf('PK\u0001\u0002', 'latin1');
  bomb.writeUInt32LE(0xffff_ffff, at + 24);
  await expect(check(bomb)).rejects.toThrow(/unpacked it has more than 4294967296 bytes/);
});

test('an archive that is cut off is refused, and so is one of which any bit that counts is another', async () => {
  const whole = archiveOf(['report.jsonl']);
  for (let length = 0; length < whole.length; length++) {
    await expect(check(whole.subarray(0, length)), String(length)).rejects.toThrow(/RECORDING_INVALID/);
  }
  const packed = 30 + 'report.jsonl'.length;
  const directory = whole.indexOf('PK\u0001\u0002', 'latin1');
  const size = (length: number, at: number) => Array.from({ length }, (_, byte) => at + byte);
  const counted = [
    ...size(4, 0),
    ...size(directory - 30, 30),
    ...size(4, directory),
    ...size(packed - 30, directory + 46),
    ...size(18, directory + 10),
  ];
  for (const at of counted) {
    if (at >= directory + 12 && at < directory + 16) continue; // Its time.
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(check(damaged), `byte ${at}`).rejects.toThrow(/RECORDING_INVALID: no blob report: .*/);
  }
});

test('the entry that is damaged is named', async () => {
  const damaged = archiveOf(['report.jsonl', 'resources/a.json']);
  const at = damaged.indexOf('resources/a.json') + 'resources/a.json'.length + 3;
  damaged[at] = (damaged[at] ?? 0) ^ 8;
  await expect(check(damaged)).rejects.toThrow(/its entry resources\/a.json is damaged.*blob\.zip/s);
});
