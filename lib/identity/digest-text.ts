import { HarnessError } from '../errors.ts';

/** How a launch digest was written. */
export type DigestForm = 'hex' | '0x hex' | 'base64' | 'base64 of hex';

/** A digest as it was read. */
export interface DigestText {
  /** 48 bytes; where those of SEV guests are asked for too, 32. */
  digest: Uint8Array;
  form: DigestForm;
  /** What is odd about how it was written; null: nothing. */
  remark: string | null;
}

const DIGEST_BYTES = 48;
const SEV_DIGEST_BYTES = 32;
/** No text of any form that is known is longer: a report in base64, with line breaks. */
const TEXT_CHARACTERS_MAX = 4096;

const BASE64_OF_HEX =
  'this is the base64 of the hex digits, not of the bytes, as snpguest prints it with --output-format base64; the bytes are meant';

/** What else has so many bytes. Source: AMD 56860; FIPS 180-4; AMD 55766 (the measurement of SEV and SEV-ES guests). */
const OTHERS: ReadonlyMap<number, string> = new Map([
  [16, 'a GUID, or a family or image id'],
  [20, 'a SHA-1'],
  [28, 'a SHA-224'],
  [32, 'a SHA-256: the digest of a file, of a SEV or SEV-ES guest, or host data'],
  [64, 'a SHA-512, or report data'],
  [96, 'an ID block, whose first 48 bytes are the launch digest'],
  [512, 'a signature of an ID auth'],
  [1028, 'a public key of an ID auth'],
  [1184, 'an attestation report, whose measurement is at offset 0x90'],
]);

/** Hex digits, of which one is missing or too many where their number is odd. */
const ODD_HEX = /^(?:0x)?[0-9a-f]+$/i;

/** Bytes of hex digits; undefined where it is no even number of these. */
function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-f]{2})+$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

/** Bytes of base64 or base64url, padded or not; undefined where it is neither. */
function fromBase64(text: string): Uint8Array | undefined {
  const plain = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,2}$/, '');
  if (!/^[A-Za-z0-9+/]+$/.test(plain)) return undefined;
  const bytes = Buffer.from(plain, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === plain ? new Uint8Array(bytes) : undefined;
}

/**
 * Every way to read a text. What is all hex digits is hex, though 64 of them, a SHA-256, are also 64 characters of base64: no
 * launch digest in base64 has no other characters.
 */
function readings(text: string): { bytes: Uint8Array; form: DigestForm }[] {
  const hex = fromHex(text.replace(/^0x/i, ''));
  if (hex === undefined && ODD_HEX.test(text)) return [];
  if (hex !== undefined) return [{ bytes: hex, form: /^0x/i.test(text) ? '0x hex' : 'hex' }];
  const decoded = fromBase64(text);
  if (decoded === undefined) return [];
  const inner = Buffer.from(decoded).toString('latin1').trim();
  const hexInside = fromHex(inner.replace(/^0x/i, ''));
  return [
    ...(hexInside === undefined ? [] : [{ bytes: hexInside, form: 'base64 of hex' as const }]),
    { bytes: decoded, form: 'base64' },
  ];
}

function refusal(text: string, { what, where }: DigestSource): HarnessError {
  const forms = `expected a ${what}: 48 bytes, as 96 hex digits (0x or not, any case) or 64 characters of base64`;
  const refuse = (told: string, hint: string): HarnessError =>
    new HarnessError({ code: 'DIGEST_INVALID', what: told, where, hint });
  const [read] = readings(text);
  if (read === undefined) {
    const shown = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
    const digits = text.replace(/^0x/i, '').length;
    if (ODD_HEX.test(text))
      return refuse(`${shown} is neither hex nor base64: ${digits} hex digits, an odd number`, forms);
    // So many characters may be base64, and end in the middle of a byte.
    const cut = /^[\w+/-]{20,63}$/.test(text) ? `: if it is base64, ${text.length} characters of 64 are there` : '';
    return refuse(`${shown} is neither hex nor base64${cut}`, forms);
  }
  const { bytes, form } = read;
  const isCut = form !== 'base64' && bytes.length > 40 && bytes.length < DIGEST_BYTES;
  const looks = OTHERS.get(bytes.length) ?? (isCut ? 'a digest that was cut off' : undefined);
  const told = `expected a ${what} of ${DIGEST_BYTES} bytes, got ${bytes.length} (read as ${form})`;
  return refuse(told, looks === undefined ? forms : `this is ${looks}`);
}

/** What a digest is, and the option or file that it came from, for messages. */
interface DigestSource {
  what: 'launch digest' | 'key digest';
  where: string;
  /** Lengths in bytes that are taken. */
  lengths: readonly number[];
}

function readDigest(text: string, source: DigestSource): DigestText {
  const bounded = text.slice(0, TEXT_CHARACTERS_MAX);
  const plain = bounded.trim().replaceAll(/[\s:]+/g, '');
  const read = readings(plain).find(({ bytes }) => source.lengths.includes(bytes.length));
  if (read === undefined || text.length > TEXT_CHARACTERS_MAX) throw refusal(plain, source);
  const remark = read.form === 'base64 of hex' ? BASE64_OF_HEX : null;
  return { digest: read.bytes, form: read.form, remark };
}

/**
 * Reads a launch digest as people and tools write it: hex of either case, with 0x or not, with colons, spaces or line breaks
 * between; base64 or base64url; and the base64 of the hex text, which is recognised and said to be that.
 * @param where the option or file that it came from, for messages
 * @throws HarnessError DIGEST_INVALID, which says what it looks like instead: a SHA-256, an ID block, a report
 * Source: AMD 56860, ID block and ATTESTATION_REPORT; virtee/snpguest, src/preattestation.rs
 */
export function readLaunchDigest(text: string, where: string): DigestText {
  return readDigest(text, { what: 'launch digest', where, lengths: [DIGEST_BYTES] });
}

/** Reads the launch digest of an SNP guest, or that of a SEV or SEV-ES guest, which has 32 bytes. @throws HarnessError DIGEST_INVALID */
export function readDigestOfAnyGuest(text: string, where: string): DigestText {
  return readDigest(text, { what: 'launch digest', where, lengths: [DIGEST_BYTES, SEV_DIGEST_BYTES] });
}

/** Reads the digest of an ID key or author key, in every form in which a launch digest is read. @throws HarnessError DIGEST_INVALID */
export function readKeyDigest(text: string, where: string): DigestText {
  return readDigest(text, { what: 'key digest', where, lengths: [DIGEST_BYTES] });
}

/** The bytes of each word the other way around. */
function swapped(bytes: Uint8Array, wordBytes: number): Uint8Array {
  const words = Array.from({ length: bytes.length / wordBytes }, (_, word) =>
    bytes.slice(word * wordBytes, (word + 1) * wordBytes).reverse(),
  );
  return new Uint8Array(Buffer.concat(words));
}

const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/**
 * How one launch digest became the other, where that can be told: all zero, bytes the other way around, or a few bits that
 * differ. null: they are unlike, as those of two launches are; or the same.
 * @param expected 48 bytes   @param got 48 bytes
 */
export function likeness(expected: Uint8Array, got: Uint8Array): string | null {
  if (equal(expected, got)) return null;
  if (got.every((byte) => byte === 0)) return 'it is all zero';
  const words = [DIGEST_BYTES, 2, 4, 8].find((wordBytes) => equal(swapped(got, wordBytes), expected));
  if (words === DIGEST_BYTES) return 'its bytes are the other way around';
  if (words !== undefined) return `the bytes of each ${words * 8}-bit word are the other way around`;
  const bits = got.reduce((count, byte, at) => {
    const changed = byte ^ (expected[at] ?? 0);
    return count + changed.toString(2).replaceAll('0', '').length;
  }, 0);
  return bits <= 8 ? `${bits} ${bits === 1 ? 'bit differs' : 'bits differ'}: damaged, not measured` : null;
}
