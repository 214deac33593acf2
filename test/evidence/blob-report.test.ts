import { writeFileSync } from 'node:fs';
import { checkBlobReport } from '../../lib/evidence/blob-report.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

/** As much of a ZIP archive as its directory: entries without content. */
function archiveOf(names: readonly string[]): Buffer {
  const headers = names.map((name) => {
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(Buffer.byteLength(name), 28);
    return Buffer.concat([header, Buffer.from(name)]);
  });
  const directory = Buffer.concat(headers);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(directory.length, 12);
  return Buffer.concat([directory, end]);
}

const checking = (bytes: Uint8Array) => () => {
  writeFileSync(path('blob.zip'), bytes);
  checkBlobReport(path('blob.zip'));
};

test('what the runner writes is taken; an entry that would be unpacked elsewhere is named and refused', () => {
  const good = ['resources/5b1e-a_0.json', 'resources/5b1e', 'report.jsonl', 'report-2.jsonl'];
  expect(checking(archiveOf(good))).not.toThrow();
  for (const name of ['../x', 'resources/../../x', '/etc/passwd', 'resources/..', 'report.jsonl/x', 'C:\\x', '']) {
    expect(checking(archiveOf([...good, name])), name).toThrow(/RECORDING_INVALID: no blob report: it has an entry/);
  }
});

test('an archive that says that it is too much unpacked is refused', () => {
  const bomb = archiveOf(['report.jsonl', 'resources/a.json']);
  bomb.writeUInt32LE(0xffff_ffff, 24);
  expect(checking(bomb)).not.toThrow();
  bomb.writeUInt32LE(2, 46 + 'report.jsonl'.length + 24);
  expect(checking(bomb)).toThrow(/RECORDING_INVALID: no blob report: unpacked it has more than 4294967296 bytes/);
});

test('an archive that is cut off or damaged is refused wherever that is', () => {
  const whole = archiveOf(['report.jsonl']);
  for (let length = 0; length < whole.length; length++) {
    expect(checking(whole.subarray(0, length)), String(length)).toThrow(/RECORDING_INVALID/);
  }
  for (const [at, value] of [
    [0, 0],
    [28, 0xff],
    [whole.length - 10, 0xff],
    [whole.length - 6, 0xff],
  ] as const) {
    const damaged = Buffer.from(whole);
    damaged[at] = value;
    expect(checking(damaged), `byte ${at}`).toThrow(/RECORDING_INVALID/);
  }
});
