/** One element of DER, without its neighbours. */
export interface DerElement {
  tag: number;
  contents: Uint8Array;
  /** Tag, length and contents. */
  whole: Uint8Array;
  /** Where the next element begins. */
  end: number;
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const SEQUENCE = 0x30;
const EXPLICIT_0 = 0xa0;

/**
 * The element at an offset; undefined where there is none within the bytes, or its length is not in DER's one form.
 * Tags of more than one byte do not occur in certificates.
 */
export function derElement(bytes: Uint8Array, at = 0): DerElement | undefined {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 4) return undefined;
  let length = first < 0x80 ? first : 0;
  for (let index = 0; index < lengthBytes; index += 1) length = length * 256 + (bytes[at + 2 + index] ?? Number.NaN);
  const shortest = length < 0x80 ? 0 : Math.ceil(Math.log2(length + 1) / 8);
  const begin = at + 2 + lengthBytes;
  const end = begin + length;
  if (!(lengthBytes === shortest && end <= bytes.length)) return undefined;
  return { tag, contents: bytes.subarray(begin, end), whole: bytes.subarray(at, end), end };
}

/** The elements that fill some bytes; undefined where something else is among them. */
export function derElements(bytes: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = [];
  for (let at = 0; at < bytes.length; ) {
    const element = derElement(bytes, at);
    if (element === undefined) return undefined;
    elements.push(element);
    at = element.end;
  }
  return elements;
}

/** What an issuer signed, and how. */
export interface SignedStructure {
  /** The bytes under the signature. */
  signed: Uint8Array;
  /** The elements in them, without the version, which is optional. */
  fields: DerElement[];
  /** The algorithm identifier beside the signature, whole. */
  algorithm: Uint8Array;
  signature: Uint8Array;
}

/** Takes a certificate or certificate list apart at its outermost. Source: RFC 5280, sections 4.1 and 5.1. */
export function signedStructure(der: Uint8Array): SignedStructure | undefined {
  const outer = derElement(der);
  if (outer === undefined || outer.tag !== SEQUENCE || outer.end !== der.length) return undefined;
  const [signed, algorithm, value, ...more] = derElements(outer.contents) ?? [];
  if (signed?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || value?.tag !== BIT_STRING) return undefined;
  if (more.length > 0 || value.contents[0] !== 0) return undefined;
  const fields = derElements(signed.contents);
  if (fields === undefined) return undefined;
  const withoutVersion = fields[0]?.tag === EXPLICIT_0 ? fields.slice(1) : fields;
  return {
    signed: signed.whole,
    fields: withoutVersion,
    algorithm: algorithm.whole,
    signature: value.contents.subarray(1),
  };
}

/** The value of a whole DER INTEGER from 0 to 65535; undefined for anything else. */
export function derSmallInteger(der: Uint8Array): number | undefined {
  const element = derElement(der);
  if (element?.tag !== INTEGER || element.end !== der.length) return undefined;
  const { contents } = element;
  const [first = 0xff, second = 0xff] = contents;
  if (contents.length < 1 || contents.length > 3 || first >= 0x80) return undefined;
  if (contents.length > 1 && first === 0 && second < 0x80) return undefined;
  const value = contents.reduce((number, byte) => number * 256 + byte, 0);
  return value < 0x10000 ? value : undefined;
}

const IA5_STRING = 0x16;

/** The text of a whole DER IA5String of printable characters; undefined for anything else. */
export function derIa5String(der: Uint8Array): string | undefined {
  const element = derElement(der);
  if (element?.tag !== IA5_STRING || element.end !== der.length) return undefined;
  const text = Buffer.from(element.contents).toString('latin1');
  return /^[ -~]{1,256}$/.test(text) ? text : undefined;
}
