import { existsSync, statSync } from 'node:fs';
import { ID_AUTH } from '../abi/id-auth.ts';
import { ID_BLOCK } from '../abi/id-block.ts';
import { sizeOf } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { readFileOrInput } from './file-or-input.ts';

/** One of the two structures, as it is called and how long it is. */
export interface Structure {
  name: 'ID block' | 'ID auth';
  /** As QEMU and the tools of others call it. */
  key: 'id-block' | 'id-auth';
  bytes: number;
}

export const ID_BLOCK_STRUCTURE: Structure = { name: 'ID block', key: 'id-block', bytes: sizeOf(ID_BLOCK) };
export const ID_AUTH_STRUCTURE: Structure = { name: 'ID auth', key: 'id-auth', bytes: sizeOf(ID_AUTH) };

/** A file that holds a structure in any form, with what else a tool may print beside it. */
const FILE_BYTES_MAX = 64 * 1024;

/** Every way to read a text as bytes: base64, hex, and either within the base64 of a tool that encoded the wrong thing. */
function decodings(text: string): Uint8Array[] {
  const plain = text.replaceAll(/\s+/g, '');
  const isHex = /^(?:0x)?(?:[0-9a-f]{2})+$/i.test(plain);
  const bytes = Buffer.from(plain, 'base64');
  const isBase64 = plain !== '' && bytes.toString('base64').replace(/=+$/, '') === plain.replace(/=+$/, '');
  const inner = bytes.toString('latin1').trim();
  return [
    ...(isHex ? [Buffer.from(plain.replace(/^0x/i, ''), 'hex')] : []),
    ...(isBase64 ? [bytes] : []),
    ...(isBase64 && /^(?:[0-9a-f]{2})+$/i.test(inner) ? [Buffer.from(inner, 'hex')] : []),
  ].map((each) => new Uint8Array(each));
}

/** The value of a structure in what tools print: `id-block=...`, `<idBlock>...</idBlock>`, `"idBlock": "..."`. */
function named(text: string, { key }: Structure): string | undefined {
  const camel = key === 'id-block' ? 'idBlock' : 'idAuth';
  const value = '[A-Za-z0-9+/\\s]{1,20000}={0,2}';
  const pattern = new RegExp(
    `(?:\\b${key}=([A-Za-z0-9+/]{1,20000}={0,2})|<${camel}>(${value})\\s{0,999}</${camel}>|"${camel}"\\s{0,9}:\\s{0,9}"(${value})")`,
  );
  const [, ofQemu, ofLibvirt, ofJson] = pattern.exec(text) ?? [];
  return ofQemu ?? ofLibvirt ?? ofJson;
}

function fromText(text: string, structure: Structure): Uint8Array | undefined {
  const value = named(text, structure) ?? text;
  return decodings(value).find(({ length }) => length === structure.bytes);
}

function refuse({ name, bytes }: Structure, where: string, got: string): HarnessError {
  const characters = 4 * Math.ceil(bytes / 3);
  return new HarnessError({
    code: 'ID_BLOCK_INVALID',
    what: `expected an ${name} of ${bytes} bytes, ${got}`,
    where,
    hint: `its bytes, their base64 (${characters} characters) or their hex; \`snp-conform id-block\` prints both values`,
  });
}

/** What was got instead, as well as can be told. */
function shape(bytes: Uint8Array): string {
  const [decoded] = decodings(Buffer.from(bytes).toString('latin1'));
  return decoded === undefined ? `got ${bytes.length} bytes` : `got text that holds ${decoded.length} bytes`;
}

/**
 * Reads an ID block or ID auth: base64 or hex text, or the name of a file of these or of its bytes, or of what tools print with
 * both values in it; `-` is standard input.
 * @returns exactly the bytes of the structure   @throws HarnessError ID_BLOCK_INVALID, FILE_UNREADABLE
 */
export async function readStructure(value: string, structure: Structure): Promise<Uint8Array> {
  const option = `--${structure.key}`;
  const direct = fromText(value, structure);
  if (direct !== undefined) return direct;
  const isFile = value === '-' || (value.length < 4096 && existsSync(value) && statSync(value).isFile());
  if (!isFile) {
    const text = Buffer.from(value);
    const got = decodings(value).length > 0 ? shape(text) : 'got neither a file nor base64 nor hex';
    throw refuse(structure, option, got);
  }
  const bytes = await readFileOrInput(value, structure.name, FILE_BYTES_MAX);
  if (bytes.length === structure.bytes) return bytes;
  const read = fromText(Buffer.from(bytes).toString('latin1'), structure);
  if (read === undefined) throw refuse(structure, `${option} ${value}`, shape(bytes));
  return read;
}
