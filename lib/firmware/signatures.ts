import { p384 } from '@noble/curves/nist.js';
import { CURVE_P384, ECDSA_PUBLIC_KEY, ECDSA_SIGNATURE } from '../abi/id-auth.ts';
import { parseLayout } from '../abi/layout.ts';

/** Bytes of a P-384 coordinate or scalar; the 72-byte fields hold it little-endian, zero-extended. */
const SCALAR_BYTES = 48;
const FIELD_BYTES = 72;

/** A 72-byte little-endian field as 48 bytes big-endian; undefined where it is larger than a scalar. */
function bigEndian(field: Uint8Array): Uint8Array | undefined {
  if (field.subarray(SCALAR_BYTES).some((byte) => byte !== 0)) return undefined;
  return field.slice(0, SCALAR_BYTES).reverse();
}

/** The uncompressed SEC1 point of a 1028-byte key; undefined where it is no point of P-384. */
function point(key: Uint8Array): Uint8Array | undefined {
  const { curve, qx, qy } = parseLayout(ECDSA_PUBLIC_KEY, key, 'public key', { reserved: 'keep' });
  const x = bigEndian(qx);
  const y = bigEndian(qy);
  if (curve !== CURVE_P384 || x === undefined || y === undefined) return undefined;
  const encoded = Uint8Array.from([4, ...x, ...y]);
  return p384.utils.isValidPublicKey(encoded) ? encoded : undefined;
}

/** Is this 1028-byte structure a P-384 key that the firmware would use? */
export function keyIsUsable(key: Uint8Array): boolean {
  return point(key) !== undefined;
}

/** Does a 512-byte signature over SHA-384 of the message hold under a 1028-byte key? */
export function signatureHolds(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  const publicPoint = point(key);
  const fields = parseLayout(ECDSA_SIGNATURE, signature, 'signature', { reserved: 'keep' });
  const r = bigEndian(fields.r);
  const s = bigEndian(fields.s);
  if (publicPoint === undefined || r === undefined || s === undefined) return false;
  try {
    return p384.verify(Uint8Array.from([...r, ...s]), message, publicPoint, { lowS: false });
  } catch {
    // The library throws for R or S outside 1..n-1; the firmware calls that a bad signature.
    return false;
  }
}

/** Signs SHA-384 of a message; R and S as 72-byte little-endian fields. @param secretKey 48 bytes, big-endian */
export function signMessage(message: Uint8Array, secretKey: Uint8Array): { r: Uint8Array; s: Uint8Array } {
  const compact = p384.sign(message, secretKey, { lowS: false });
  const field = (bytes: Uint8Array): Uint8Array => {
    const padded = new Uint8Array(FIELD_BYTES);
    padded.set(bytes.slice().reverse());
    return padded;
  };
  return { r: field(compact.slice(0, SCALAR_BYTES)), s: field(compact.slice(SCALAR_BYTES)) };
}
