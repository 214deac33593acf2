import { writeFileSync } from 'node:fs';
import { ID_AUTH_STRUCTURE, ID_BLOCK_STRUCTURE, readStructure } from '../../lib/cli/id-block-input.ts';
import { HarnessError } from '../../lib/errors.ts';
import { VIRTEE_SEV } from '../identity/published-blocks.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const { idBlock, idAuth } = VIRTEE_SEV;
const block = Buffer.from(idBlock);
const auth = Buffer.from(idAuth);
const [blockText, authText] = [block.toString('base64'), auth.toString('base64')];

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(inFolder(name), content);
  return inFolder(name);
}

test('a block is read as base64, as hex, and as the base64 of its hex', async () => {
  const hex = block.toString('hex');
  for (const text of [blockText, hex, hex.toUpperCase(), `0x${hex}`, Buffer.from(hex).toString('base64')]) {
    expect(await readStructure(text, ID_BLOCK_STRUCTURE)).toEqual(idBlock);
  }
});

test('files hold either structure: as bytes, as text, wrapped, and as tools print both', async () => {
  const wrapped = authText.replaceAll(/(.{76})/g, '$1\n');
  // Of QEMU and sev-snp-measure, of libvirt, and of this command.
  const printed = [
    `id-block=${blockText},id-auth=${authText}\nid_key_hash: x\n`,
    `<launchSecurity type='sev-snp' authorKey='yes'>\n  <idBlock>${blockText}</idBlock>\n  <idAuth>\n${wrapped}\n</idAuth>\n</launchSecurity>`,
    JSON.stringify({ idBlock: blockText, idAuth: authText }, null, 2),
  ];
  for (const [index, text] of printed.entries()) {
    const path = file(`both-${index}`, text);
    expect(await readStructure(path, ID_BLOCK_STRUCTURE)).toEqual(idBlock);
    expect(await readStructure(path, ID_AUTH_STRUCTURE)).toEqual(idAuth);
  }
  for (const content of [auth, authText, `${wrapped}\n`, auth.toString('hex')]) {
    expect(await readStructure(file('auth', content), ID_AUTH_STRUCTURE)).toEqual(idAuth);
  }
});

const WRONG: readonly (readonly [what: string, value: () => string, message: RegExp])[] = [
  [
    'a block that lacks a byte',
    () => block.subarray(1).toString('base64'),
    /ID auth of 4096 bytes, got text that holds 95/,
  ],
  ['neither a file nor a value', () => '/no/such/file!', /got neither a file nor base64 nor hex/],
  ['bytes of another length', () => file('short', auth.subarray(0, 4095)), /got 4095 bytes/],
  ['a block in the place of an auth', () => file('block', blockText), /got text that holds 96 bytes/],
  ['an empty file', () => file('empty', ''), /got 0 bytes/],
];

for (const [what, value, message] of WRONG) {
  test(`${what} is refused as an ID auth, and it is told what was got`, async () => {
    const error = await readStructure(value(), ID_AUTH_STRUCTURE).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(HarnessError);
    expect(error).toMatchObject({ code: 'ID_BLOCK_INVALID' });
    expect(String(error)).toMatch(message);
  });
}

test('a file without end is not read to its end', async () => {
  await expect(readStructure('/dev/zero', ID_AUTH_STRUCTURE)).rejects.toThrow(/ID_BLOCK_INVALID|FILE_UNREADABLE/);
});
