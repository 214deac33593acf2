import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { CURVE_P384, ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE } from '../abi/id-auth.ts';
import { parseLayout, reservedViolations, serialiseLayout } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { publicHalf, requirePrivateP384 } from './keys.ts';

/** Bytes of a P-384 coordinate or scalar, and of the little-endian field that AMD keeps it in. */
const SCALAR_BYTES = 48;
const FIELD_BYTES = 72;

/** 48 bytes big-endian as a 72-byte little-endian field. */
function amdField(bigEndian: Uint8Array): Uint8Array {
  const field = new Uint8Array(FIELD_BYTES);
  // Not slice(): of a Buffer that is the same memory, which reverse() would turn around for its owner.
  field.set(Uint8Array.from(bigEndian).reverse());
  return field;
}

/** A 72-byte little-endian field as 48 bytes big-endian; undefined where it holds more than 48 bytes. */
function bigEndian(field: Uint8Array): Uint8Array | undefined {
  if (field.subarray(SCALAR_BYTES).some((byte) => byte !== 0)) return undefined;
  return field.slice(0, SCALAR_BYTES).reverse();
}

/**
 * A P-384 key as the firmware reads it.
 * @param key private or public   @returns 1028 bytes   @throws HarnessError KEY_INVALID
 * Source: AMD 56860, format of an ECDSA P-384 public key
 */
export function snpPublicKey(key: KeyObject): Uint8Array {
  const { x, y } = publicHalf(key, 'public key').export({ format: 'jwk' });
  const coordinate = (text: unknown): Uint8Array => amdField(Buffer.from(String(text), 'base64url'));
  return serialiseLayout(ECDSA_PUBLIC_KEY, { curve: CURVE_P384, qx: coordinate(x), qy: coordinate(y) }, 'public key');
}

/** What becomes of reserved bytes: `keep` lets them pass, as published firmware does. */
export interface ReservedOption {
  reserved?: 'reject' | 'keep';
}

/** Points that were imported, the latest last. */
const imported = new Map<string, KeyObject>();
const IMPORTED_MAX = 64;

/**
 * A point of P-384 as a key. To import one is to check that it is on the curve, which takes as long as to verify a signature;
 * all launches of a run have the keys of one guest owner. @throws where it is not on the curve
 */
function importPoint(x: string, y: string): KeyObject {
  const name = `${x}.${y}`;
  const key = imported.get(name) ?? createPublicKey({ key: { kty: 'EC', crv: 'P-384', x, y }, format: 'jwk' });
  imported.delete(name);
  imported.set(name, key);
  const [oldest] = imported.keys();
  if (imported.size > IMPORTED_MAX && oldest !== undefined) imported.delete(oldest);
  return key;
}

/**
 * The key of a 1028-byte structure.
 * @throws HarnessError LAYOUT_LENGTH, LAYOUT_RESERVED; KEY_INVALID for another curve or a point that is not on P-384
 * Source: AMD 56860, format of an ECDSA P-384 public key
 */
export function publicKeyOf(snpKey: Uint8Array, options: ReservedOption = {}): KeyObject {
  const { curve, qx, qy } = parseLayout(ECDSA_PUBLIC_KEY, snpKey, 'public key', options);
  if (curve !== CURVE_P384) {
    throw new HarnessError({ code: 'KEY_INVALID', what: `public key: expected curve ${CURVE_P384}, got ${curve}` });
  }
  const x = bigEndian(qx);
  const y = bigEndian(qy);
  if (x === undefined || y === undefined) {
    throw new HarnessError({ code: 'KEY_INVALID', what: 'public key: a coordinate has more than 48 bytes' });
  }
  const text = (coordinate: Uint8Array): string => Buffer.from(coordinate).toString('base64url');
  try {
    return importPoint(text(x), text(y));
  } catch (cause) {
    throw new HarnessError({ code: 'KEY_INVALID', what: 'public key: the point is not on P-384', cause });
  }
}

/**
 * A raw ECDSA signature as the firmware reads it; R and S are zero-extended, however short.
 * @param rs 96 bytes: R and S big-endian, 48 each (IEEE P1363)   @returns 512 bytes
 * @throws HarnessError LAYOUT_LENGTH
 * Source: AMD 56860, format of an ECDSA P-384 signature
 */
export function snpSignature(rs: Uint8Array): Uint8Array {
  if (rs.length !== 2 * SCALAR_BYTES) {
    throw new HarnessError({ code: 'LAYOUT_LENGTH', what: `R and S: expected 96 bytes, got ${rs.length}` });
  }
  const r = amdField(rs.subarray(0, SCALAR_BYTES));
  const s = amdField(rs.subarray(SCALAR_BYTES));
  return serialiseLayout(ECDSA_SIGNATURE, { r, s }, 'signature');
}

/** Signs SHA-384 of a message. @returns 512 bytes   @throws HarnessError KEY_INVALID */
export function signMessage(message: Uint8Array, key: KeyObject, role: string): Uint8Array {
  requirePrivateP384(key, role);
  return snpSignature(sign('sha384', message, { key, dsaEncoding: 'ieee-p1363' }));
}

/**
 * Does a signature over SHA-384 of a message hold? Bytes set above R or S, and reserved ones unless kept, are a wrong one.
 * @param signature 512 bytes   @param key public, or private for its public half
 * @throws HarnessError LAYOUT_LENGTH, KEY_INVALID
 * Source: AMD 56860, format of an ECDSA P-384 signature
 */
export function signatureHolds(
  signature: Uint8Array,
  message: Uint8Array,
  key: KeyObject,
  { reserved }: ReservedOption = {},
): boolean {
  const fields = parseLayout(ECDSA_SIGNATURE, signature, 'signature', { reserved: 'keep' });
  const publicKey = publicHalf(key, 'public key');
  const r = bigEndian(fields.r);
  const s = bigEndian(fields.s);
  if (r === undefined || s === undefined) return false;
  if (reserved !== 'keep' && reservedViolations(ECDSA_SIGNATURE, signature).length > 0) return false;
  return verify('sha384', message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.concat([r, s]));
}
