import { createCipheriv, createDecipheriv } from 'node:crypto';
import { GUEST_MESSAGE_AUTHENTICATED_FROM, GUEST_MESSAGE_HEADER } from '../abi/guest-message.ts';
import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';

const HEADER_BYTES = sizeOf(GUEST_MESSAGE_HEADER);
const TAG_BYTES = 16;
const AES_256_GCM = 1;
const HEADER_VERSION = 1;

/** A guest message in clear. */
export interface GuestMessage {
  sequence: bigint;
  type: number;
  version: number;
  /** VMPCK id, 0 to 3. */
  vmpck: number;
  payload: Uint8Array;
}

/** 12 bytes: the sequence number, little-endian, then zeros. */
function initialisationVector(sequence: bigint): Uint8Array {
  const vector = Buffer.alloc(12);
  vector.writeBigUInt64LE(sequence, 0);
  return vector;
}

/** Encrypts and authenticates a message, header included. @param key the VMPCK, 32 bytes */
export function sealMessage(message: GuestMessage, key: Uint8Array): Uint8Array {
  const header = serialiseLayout(
    GUEST_MESSAGE_HEADER,
    {
      sequence: message.sequence,
      algorithm: AES_256_GCM,
      headerVersion: HEADER_VERSION,
      headerSize: HEADER_BYTES,
      messageType: message.type,
      messageVersion: message.version,
      messageSize: message.payload.length,
      vmpck: message.vmpck,
    },
    'guest message header',
  );
  const cipher = createCipheriv('aes-256-gcm', key, initialisationVector(message.sequence), {
    authTagLength: TAG_BYTES,
  });
  cipher.setAAD(header.subarray(GUEST_MESSAGE_AUTHENTICATED_FROM));
  const sealed = Buffer.concat([header, cipher.update(message.payload), cipher.final()]);
  sealed.set(cipher.getAuthTag(), 0);
  return sealed;
}

/** The header of a sealed message; undefined where it is none that the firmware would look at. */
export function messageHeader(sealed: Uint8Array): Omit<GuestMessage, 'payload'> | undefined {
  if (sealed.length <= HEADER_BYTES) return undefined;
  const header = parseLayout(GUEST_MESSAGE_HEADER, sealed.subarray(0, HEADER_BYTES), 'guest message header', {
    reserved: 'keep',
  });
  const wellFormed =
    header.algorithm === AES_256_GCM &&
    header.headerVersion === HEADER_VERSION &&
    header.headerSize === HEADER_BYTES &&
    header.messageSize > 0 &&
    header.messageSize % 16 === 0 &&
    header.messageSize === sealed.length - HEADER_BYTES;
  if (!wellFormed) return undefined;
  return { sequence: header.sequence, type: header.messageType, version: header.messageVersion, vmpck: header.vmpck };
}

/** Decrypts a sealed message; undefined where its tag does not hold. @param key the VMPCK, 32 bytes */
export function openMessage(sealed: Uint8Array, key: Uint8Array): GuestMessage | undefined {
  const header = messageHeader(sealed);
  if (header === undefined) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, initialisationVector(header.sequence), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(sealed.subarray(GUEST_MESSAGE_AUTHENTICATED_FROM, HEADER_BYTES));
  decipher.setAuthTag(sealed.subarray(0, TAG_BYTES));
  const clear = decipher.update(sealed.subarray(HEADER_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined; // A wrong tag is an answer, not an accident.
  }
  return { ...header, payload: clear };
}
