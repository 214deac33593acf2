import { type ErrorCode, HarnessError } from '../errors.ts';

function refuse(code: ErrorCode, option: string, text: string, expected: string): HarnessError {
  return new HarnessError({ code, what: `expected ${expected}, got ${JSON.stringify(text)}`, where: option });
}

/** A whole number in decimal digits; anything else, a sign or a fraction too, is refused with the given code. */
export function parseCount(text: string, option: string, code: ErrorCode): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw refuse(code, option, text, 'a whole number in decimal digits');
  return Number(text);
}

/** An unsigned number of at most so many bits, as 0x hex or in decimal digits. */
export function parseUnsigned(text: string, option: string, bits: number, code: ErrorCode): bigint {
  const value = /^(?:0x[0-9a-f]{1,32}|[0-9]{1,32})$/i.test(text) ? BigInt(text) : undefined;
  if (value !== undefined && value < 1n << BigInt(bits)) return value;
  throw refuse(code, option, text, `a number of ${bits} bits, 0x hex or decimal`);
}
