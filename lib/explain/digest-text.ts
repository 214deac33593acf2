import { HarnessError } from '../errors.ts';

/** A digest as somebody gave it. */
export interface GivenDigest {
  /** 48 bytes of an SNP guest, 32 of an SEV or SEV-ES guest. */
  readonly bytes: Uint8Array;
  /** How it was written, where it is not plain hex; null: it is. */
  readonly writtenAs: string | null;
}

const LENGTHS: readonly number[] = [48, 32];

const isHex = (text: string): boolean => text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);
const ofLength = (bytes: Uint8Array): Uint8Array | undefined => (LENGTHS.includes(bytes.length) ? bytes : undefined);

function fromHex(text: string): Uint8Array | undefined {
  return isHex(text) ? ofLength(new Uint8Array(Buffer.from(text, 'hex'))) : undefined;
}

function base64Bytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  return bytes.toString('base64').replace(/=+$/, '') === plain ? bytes : undefined;
}

/**
 * Reads a digest as people and tools write it: hex digits of either case, with 0x, colons or spaces; base64 of the bytes;
 * base64 of the hex digits, as `snpguest --output-format base64` has it.
 * @throws HarnessError HEX_INVALID
 */
export function readDigest(text: string, option: string): GivenDigest {
  const trimmed = text.trim();
  const bare = trimmed.replace(/^0x/i, '').replaceAll(/[\s:]/g, '');
  const hex = fromHex(bare);
  if (hex !== undefined)
    return { bytes: hex, writtenAs: bare === trimmed ? null : 'hex digits with signs between them' };
  const decoded = base64Bytes(trimmed);
  const direct = decoded && ofLength(new Uint8Array(decoded));
  if (direct !== undefined) return { bytes: direct, writtenAs: 'base64' };
  const inner = decoded && fromHex(decoded.toString('latin1').trim());
  if (inner !== undefined) return { bytes: inner, writtenAs: 'base64 of its hex digits' };
  throw new HarnessError({
    code: 'HEX_INVALID',
    what: `expected 96 hex digits (48 bytes), or base64 of them, got ${trimmed.length} characters`,
    where: option,
    hint: 'the digest is MEASUREMENT of a report, or LD of an ID block; 64 digits are one of SEV or SEV-ES',
  });
}

/** A digest in the orders in which its bytes get turned round. */
export function reorderings(digest: Uint8Array): { what: string; bytes: Uint8Array }[] {
  const words = (size: number): Uint8Array => {
    const copy = new Uint8Array(digest.length);
    for (let at = 0; at < digest.length; at += size) copy.set([...digest.subarray(at, at + size)].reverse(), at);
    return copy;
  };
  return [
    { what: 'its bytes in reverse order', bytes: new Uint8Array([...digest].reverse()) },
    { what: 'each 8 bytes in reverse order', bytes: words(8) },
    { what: 'each 4 bytes in reverse order', bytes: words(4) },
  ];
}
