import { type ErrorCode, HarnessError } from '../errors.ts';
import { hexOf } from '../text.ts';

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

/** What to do with a text that is no hex: where it is base64 of enough bytes to tell, the same in hex. */
function hexHint(text: string, bytes: number | undefined): string {
  const decoded = Buffer.from(text, 'base64');
  const isBase64 = decoded.length >= 16 && decoded.toString('base64') === text;
  if (isBase64 && decoded.length === (bytes ?? decoded.length)) return `this is base64; in hex: ${hexOf(decoded)}`;
  return 'hex digits only: no 0x, no spaces, no base64';
}

function hexInvalid(expected: string, text: string, option: string, bytes?: number): HarnessError {
  const got = /^[0-9a-f]+$/i.test(text) ? `${text.length}` : JSON.stringify(text.slice(0, 100));
  const hint = hexHint(text, bytes);
  return new HarnessError({ code: 'HEX_INVALID', what: `expected ${expected}, got ${got}`, where: option, hint });
}

/** Bytes as hex digits of either case. @param bytes how many   @throws HarnessError HEX_INVALID */
export function parseHexBytes(text: string, option: string, bytes: number): Uint8Array {
  if (text.length === bytes * 2 && /^[0-9a-f]*$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  throw hexInvalid(`${bytes * 2} hex digits (${bytes} bytes)`, text, option, bytes);
}

/** At least one byte, and at most so many, as hex digits of either case. @throws HarnessError HEX_INVALID */
export function parseHexUpTo(text: string, option: string, maxBytes: number): Uint8Array {
  if (text.length <= maxBytes * 2 && /^(?:[0-9a-f]{2})+$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  throw hexInvalid(`2 to ${maxBytes * 2} hex digits (1 to ${maxBytes} bytes)`, text, option);
}
