/** DER as these tests write it: apart from the reader under test. */

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** One element. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tag, ...lengthBytes(contents.length)), contents]);
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(0x30, ...parts);
export const octets = (value: Uint8Array): Uint8Array => element(0x04, value);
export const ia5 = (text: string): Uint8Array => element(0x16, Buffer.from(text, 'latin1'));
export const boolean = (value: boolean): Uint8Array => element(0x01, Uint8Array.of(value ? 0xff : 0));
export const bits = (value: Uint8Array, unused = 0): Uint8Array => element(0x03, Uint8Array.of(unused), value);

/** A whole number, with the zero byte that keeps it from being negative. */
export function integer(value: number | bigint): Uint8Array {
  const hex = BigInt(value).toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes);
}

/** An object identifier. */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...arcs] = text.split('.').map(Number);
  const bytes = [40 * first + second, ...arcs].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let rest = arc >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
    return digits;
  });
  return element(0x06, Uint8Array.from(bytes));
}

/** UTCTime, of years before 2050. */
export function time(date: Date): Uint8Array {
  const digits = date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return element(0x17, Buffer.from(`${digits}Z`, 'latin1'));
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
};

/** A name, from pairs of attribute and value. */
export function name(attributes: readonly (readonly [string, string])[]): Uint8Array {
  return sequence(
    ...attributes.map(([attribute, value]) =>
      element(0x31, sequence(oid(ATTRIBUTES[attribute] ?? attribute), element(0x0c, Buffer.from(value, 'utf8')))),
    ),
  );
}
