import { type ErrorCode, HarnessError } from '../errors.ts';

function refuse(code: ErrorCode, option: string, text: string, expected: string): HarnessError {
  return new HarnessError({ code, what: `expected ${expected}, got ${JSON.stringify(text)}`, where: option });
}

/** A whole number in decimal digits; anything else, a sign or a fraction too, is refused with the given code. */
export function parseCount(text: string, option: string, code: ErrorCode): number {
  if (/^[0-9]{10,}$/.test(text)) throw refuse(code, option, text, 'a number of at most nine digits');
  if (!/^[0-9]{1,9}$/.test(text)) throw refuse(code, option, text, 'a whole number in decimal digits');
  return Number(text);
}

/** An unsigned number of at most so many bits, as 0x hex or in decimal digits. */
export function parseUnsigned(text: string, option: string, bits: number, code: ErrorCode): bigint {
  const value = /^(?:0x[0-9a-f]{1,32}|[0-9]{1,32})$/i.test(text) ? BigInt(text) : undefined;
  if (value !== undefined && value < 1n << BigInt(bits)) return value;
  throw refuse(code, option, text, `a number of ${bits} bits, 0x hex or decimal`);
}

/** Bytes as hex digits of either case. @param bytes how many   @throws HarnessError HEX_INVALID */
export function parseHexBytes(text: string, option: string, bytes: number): Uint8Array {
  if (text.length === bytes * 2 && /^[0-9a-f]*$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  const got = /^[0-9a-f]+$/i.test(text) ? `${text.length}` : JSON.stringify(text.slice(0, 100));
  throw new HarnessError({
    code: 'HEX_INVALID',
    what: `expected ${bytes * 2} hex digits (${bytes} bytes), got ${got}`,
    where: option,
    hint: 'hex digits only: no 0x, no spaces, no base64',
  });
}
