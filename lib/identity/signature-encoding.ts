import { type KeyObject, verify } from 'node:crypto';
import { HarnessError } from '../errors.ts';

/** Bytes of R or S of P-384. */
const SCALAR_BYTES = 48;

/** R and S as 96 bytes, both big-endian (IEEE P1363), and how they were written. */
interface Reading {
  rs: Uint8Array;
  form: string;
}

/** Reads a DER INTEGER that fits a scalar. @returns its 48 bytes and where it ends; undefined for anything else */
function derInteger(bytes: Uint8Array, at: number): { scalar: Uint8Array; end: number } | undefined {
  const length = bytes[at + 1] ?? 0;
  const end = at + 2 + length;
  if (bytes[at] !== 0x02 || length === 0 || length > SCALAR_BYTES + 1 || end > bytes.length) return undefined;
  const body = bytes.subarray(at + 2, end);
  const magnitude = body[0] === 0 ? body.subarray(1) : body;
  if (magnitude.length > SCALAR_BYTES || (body[0] ?? 0) >= 0x80) return undefined;
  const scalar = new Uint8Array(SCALAR_BYTES);
  scalar.set(magnitude, SCALAR_BYTES - magnitude.length);
  return { scalar, end };
}

/** The R and S of a DER SEQUENCE of two INTEGERs, nothing after it. Source: RFC 3279, Ecdsa-Sig-Value. */
function fromDer(bytes: Uint8Array): Uint8Array | undefined {
  // A P-384 signature is at most 104 bytes long, so that its length is always one byte.
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) return undefined;
  const r = derInteger(bytes, 2);
  const s = r === undefined ? undefined : derInteger(bytes, r.end);
  if (r === undefined || s?.end !== bytes.length) return undefined;
  return new Uint8Array(Buffer.concat([r.scalar, s.scalar]));
}

/** Every way to read bytes as R and S. */
function binaryReadings(bytes: Uint8Array, suffix: string): Reading[] {
  const der = fromDer(bytes);
  return [
    ...(der === undefined ? [] : [{ rs: der, form: `DER${suffix}` }]),
    ...(bytes.length === 2 * SCALAR_BYTES ? [{ rs: Uint8Array.from(bytes), form: `raw R and S${suffix}` }] : []),
  ];
}

/** Every way to read what a signer wrote: bytes, or those bytes as hex or base64 text. */
function readings(output: Uint8Array): Reading[] {
  const text = Buffer.from(output).toString('latin1').replaceAll(/\s+/g, '');
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(text);
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== '';
  return [
    ...binaryReadings(output, ''),
    ...(isHex ? binaryReadings(Buffer.from(text, 'hex'), ' in hex') : []),
    ...(isBase64 ? binaryReadings(Buffer.from(text, 'base64'), ' in base64') : []),
  ];
}

/**
 * Reads what an external signer gave for a message, and verifies it: a DER Ecdsa-Sig-Value or raw R and S, as bytes or as
 * their hex or base64 text. Whichever reading verifies is it.
 * @param output untrusted, of any length   @param publicKey of P-384
 * @returns 96 bytes: R and S big-endian, 48 each
 * @throws HarnessError SIGNATURE_INVALID, which says whether it could be read and did not verify, or could not be read
 */
export function readSignature(
  output: Uint8Array,
  { message, publicKey, role }: { message: Uint8Array; publicKey: KeyObject; role: string },
): Uint8Array {
  const found = readings(output);
  const holds = ({ rs }: Reading): boolean =>
    verify('sha384', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, rs);
  const right = found.find(holds);
  if (right !== undefined) return right.rs;
  const read = found[0];
  if (read === undefined) {
    throw new HarnessError({
      code: 'SIGNATURE_INVALID',
      what: `${role}: the signer gave ${output.length} bytes that are no P-384 signature`,
      hint: 'a signature in DER, or R and S as 96 bytes, big-endian; as bytes, hex or base64',
    });
  }
  throw new HarnessError({
    code: 'SIGNATURE_INVALID',
    what: `${role}: the signer gave a signature (${read.form}) that is not of this digest by this key`,
    hint: 'does the signer use this key? It is given the SHA-384 digest: it must sign that, and not hash it once more',
  });
}
