/** Tags of what certificates are made of. Source: X.690, sections 8 and 10. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

function lengthOf(bytes: number): number[] {
  if (bytes < 0x80) return [bytes];
  const digits: number[] = [];
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 | digits.length, ...digits];
}

function element(tag: number, contents: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([tag, ...lengthOf(contents.length)]), contents]);
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(TAG.sequence, Buffer.concat(parts));
export const set = (...parts: readonly Uint8Array[]): Uint8Array => element(TAG.set, Buffer.concat(parts));
export const octetString = (bytes: Uint8Array): Uint8Array => element(TAG.octetString, bytes);
export const utf8String = (text: string): Uint8Array => element(TAG.utf8String, Buffer.from(text, 'utf8'));
export const ia5String = (text: string): Uint8Array => element(TAG.ia5String, Buffer.from(text, 'latin1'));
export const nullValue = (): Uint8Array => element(TAG.null, new Uint8Array());
export const isTrue = (): Uint8Array => element(TAG.boolean, Uint8Array.of(0xff));

/** A context-specific, constructed element. Source: X.690, section 8.14. */
export const tagged = (number: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  element(0xa0 | number, Buffer.concat(parts));

/** Bits, of which the last so many do not count. */
export const bitString = (bytes: Uint8Array, unused = 0): Uint8Array =>
  element(TAG.bitString, Uint8Array.from([unused, ...bytes]));

/** A number from 0. */
export function integer(value: bigint | number): Uint8Array {
  const hex = BigInt(value).toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  // The first bit is the sign.
  const positive = (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes]);
  return element(TAG.integer, positive);
}

/** An object identifier in its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const digits = [first * 40 + second, ...rest].flatMap((part) => {
    const base128 = [part % 128];
    for (let left = Math.floor(part / 128); left > 0; left = Math.floor(left / 128))
      base128.unshift(0x80 | (left % 128));
    return base128;
  });
  return element(TAG.oid, Uint8Array.from(digits));
}

/** A moment, in whole seconds. Source: RFC 5280, section 4.1.2.5: UTCTime up to 2049, GeneralizedTime from then. */
export function time(date: Date): Uint8Array {
  const digits = `${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050
    ? element(TAG.utcTime, Buffer.from(digits.slice(2), 'latin1'))
    : element(TAG.generalizedTime, Buffer.from(digits, 'latin1'));
}
