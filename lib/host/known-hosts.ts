import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** One public key of a host. */
export interface HostKey {
  /** `ssh-ed25519`, `ssh-rsa`, ... */
  type: string;
  /** The key as it travels, without base64. */
  blob: Uint8Array;
}

/** What is known of the keys of one host. */
export interface KnownKeys {
  accepted: HostKey[];
  revoked: HostKey[];
}

/** What comparing an observed key with the known ones gives. */
export type KeyVerdict = 'accepted' | 'changed' | 'unknown' | 'revoked';

/** The fingerprint of a key as ssh prints it: `SHA256:` and 43 characters of base64. */
export function fingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The type that a key itself names in its first field; undefined where it is malformed. */
export function keyType(blob: Uint8Array): string | undefined {
  const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
  if (bytes.length < 4) return undefined;
  const length = bytes.readUInt32BE(0);
  return length > 0 && length <= 64 && bytes.length >= 4 + length ? bytes.toString('latin1', 4, 4 + length) : undefined;
}

/**
 * Reads a public key of the form `ssh-ed25519 AAAA... [comment]`.
 * @returns undefined where the text is no such key, or the type beside it is not the one inside it
 */
export function parseHostKey(text: string): HostKey | undefined {
  const [type, base64] = text.trim().split(/\s+/);
  if (type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const blob = Uint8Array.from(Buffer.from(base64, 'base64'));
  return keyType(blob) === type ? { type, blob } : undefined;
}

/** The name under which a known_hosts file keeps a host: `name`, or `[name]:port` when the port is not 22. */
export function knownHostsName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/**
 * The keys that a known_hosts file has for a host: plain, wildcard, negated and hashed names; lines of `@revoked` apart.
 * Lines of `@cert-authority` and malformed lines are no keys of the host and are passed over, as ssh does.
 * Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
 */
export function knownKeys(knownHosts: string, address: string, port: number): KnownKeys {
  const wanted = knownHostsName(address, port);
  const found: KnownKeys = { accepted: [], revoked: [] };
  for (const line of knownHosts.split(/\r?\n/)) {
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
    const names = words.shift();
    if (names === undefined || names === '' || names.startsWith('#')) continue;
    if (marker !== undefined && marker !== '@revoked') continue;
    const key = parseHostKey(words.join(' '));
    if (key === undefined || !matchesNames(names, wanted)) continue;
    (marker === '@revoked' ? found.revoked : found.accepted).push(key);
  }
  return found;
}

/** Compares the key that a server showed with what is known of it. */
export function judgeHostKey(known: KnownKeys, blob: Uint8Array): KeyVerdict {
  const same = (key: HostKey) => Buffer.compare(key.blob, blob) === 0;
  if (known.revoked.some(same)) return 'revoked';
  if (known.accepted.some(same)) return 'accepted';
  return known.accepted.length > 0 ? 'changed' : 'unknown';
}

function matchesNames(names: string, wanted: string): boolean {
  if (names.startsWith('|')) return matchesHash(names, wanted);
  const patterns = names.split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matchesPattern(pattern.slice(1), wanted))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matchesPattern(pattern, wanted));
}

function matchesPattern(pattern: string, wanted: string): boolean {
  const source = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(wanted);
}

/** `|1|salt|HMAC-SHA1(salt, name)`, both base64. */
function matchesHash(names: string, wanted: string): boolean {
  const [, version, salt, hash] = names.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(wanted).digest();
  const given = Buffer.from(hash, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
