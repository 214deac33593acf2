import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  fingerprint,
  type HostKey,
  judgeHostKey,
  keyType,
  knownHostsName,
  knownKeys,
  parseHostKey,
} from '../../lib/host/known-hosts.ts';
import { expect, test } from '../support/test.ts';

let folder: string;
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'snp-keys-'));
});
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

function blobOf(type: string, fill: number): Uint8Array {
  const bytes = Buffer.alloc(4 + type.length + 4 + 32, fill);
  bytes.writeUInt32BE(type.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.writeUInt32BE(32, 4 + type.length);
  return Uint8Array.from(bytes);
}

function key(type: string, fill: number): { key: HostKey; line: string } {
  const blob = blobOf(type, fill);
  return { key: { type, blob }, line: `${type} ${Buffer.from(blob).toString('base64')}` };
}

const one = key('ssh-ed25519', 1);
const two = key('ssh-ed25519', 2);
const rsa = key('ssh-rsa', 3);

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 9);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

test('the fingerprint is the one ssh-keygen prints', () => {
  const path = join(folder, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  const printed = execFileSync('ssh-keygen', ['-l', '-f', path], { encoding: 'utf8' });
  const parsed = parseHostKey(readFileSync(`${path}.pub`, 'utf8'));
  expect(parsed === undefined ? undefined : fingerprint(parsed.blob)).toBe(printed.split(' ')[1]);
});

test('a file that ssh-keygen hashed names the same keys', () => {
  const path = join(folder, 'known_hosts');
  writeFileSync(path, `milan-1,10.0.0.7 ${one.line}\n[milan-1]:2222 ${rsa.line}\n`);
  execFileSync('ssh-keygen', ['-H', '-f', path], { stdio: 'ignore' });
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('|1|');
  expect(knownKeys(text, 'milan-1', 22).accepted).toEqual([one.key]);
  expect(knownKeys(text, '10.0.0.7', 22).accepted).toEqual([one.key]);
  expect(knownKeys(text, 'milan-1', 2222).accepted).toEqual([rsa.key]);
  expect(knownKeys(text, 'milan-2', 22).accepted).toEqual([]);
});

const rows: [string, string, number, number][] = [
  [`milan-1 ${one.line}`, 'milan-1', 22, 1],
  [`milan-1 ${one.line} a comment`, 'MILAN-1', 22, 1],
  [`milan-1 ${one.line}`, 'milan-1', 2222, 0],
  [`[milan-1]:2222 ${one.line}`, 'milan-1', 2222, 1],
  [`*.lab,milan-? ${one.line}`, 'x.lab', 22, 1],
  [`*.lab,milan-? ${one.line}`, 'milan-1', 22, 1],
  [`*.lab,!x.lab ${one.line}`, 'x.lab', 22, 0],
  [`${hashed('milan-1')} ${one.line}`, 'milan-1', 22, 1],
  [`${hashed('[milan-1]:2222')} ${one.line}`, 'milan-1', 2222, 1],
  [`${hashed('milan-2')} ${one.line}`, 'milan-1', 22, 0],
  [`# milan-1 ${one.line}`, 'milan-1', 22, 0],
  [`@cert-authority * ${one.line}`, 'milan-1', 22, 0],
  [`milan-1 ssh-ed25519 not*base64`, 'milan-1', 22, 0],
  [`milan-1 ssh-rsa ${one.line.split(' ')[1]}`, 'milan-1', 22, 0],
  ['milan-1', 'milan-1', 22, 0],
  [`milan.1 ${one.line}`, 'milanx1', 22, 0],
  [`|2|a|b ${one.line}`, 'milan-1', 22, 0],
];

for (const [number, [line, address, port, found]] of rows.entries()) {
  test(`row ${number}: "${line.slice(0, 30)}" has ${found} keys for ${address}:${port}`, () => {
    expect(knownKeys(`\r\n${line}\r\n`, address, port).accepted).toHaveLength(found);
  });
}

test('a key is accepted, changed, unknown or revoked', () => {
  const known = knownKeys(`h ${one.line}\n@revoked * ${two.line}\n`, 'h', 22);
  expect(judgeHostKey(known, one.key.blob)).toBe('accepted');
  expect(judgeHostKey(known, rsa.key.blob)).toBe('changed');
  expect(judgeHostKey(known, two.key.blob)).toBe('revoked');
  expect(judgeHostKey({ accepted: [], revoked: [] }, one.key.blob)).toBe('unknown');
  const both = knownKeys(`h ${one.line}\n@revoked h ${one.line}\n`, 'h', 22);
  expect(judgeHostKey(both, one.key.blob)).toBe('revoked');
});

test('a malformed key has no type', () => {
  expect(keyType(new Uint8Array(3))).toBeUndefined();
  expect(keyType(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0))).toBeUndefined();
  expect(keyType(Uint8Array.of(0, 0, 0, 9, 65))).toBeUndefined();
  expect(knownHostsName('Host', 22)).toBe('host');
  expect(knownHostsName('Host', 23)).toBe('[host]:23');
});
