import { createHash, type KeyObject } from 'node:crypto';
import { ALGO_ECDSA_P384_SHA384, ECDSA_PUBLIC_KEY, ID_AUTH, type IdAuth } from '../abi/id-auth.ts';
import { parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import { HarnessError } from '../errors.ts';
import { signMessage, snpPublicKey } from './ecdsa.ts';
import { parseIdBlock } from './id-block.ts';

/** What an ID auth is made of, when the private keys are at hand. */
export interface IdAuthInputs {
  /** 96 bytes. */
  idBlock: Uint8Array;
  /** Private P-384 key that signs the ID block. */
  idKey: KeyObject;
  /** Private P-384 key that signs ID_KEY; without it AUTH_KEY_ALGO, ID_KEY_SIG and AUTHOR_KEY are zero. */
  authorKey?: KeyObject | undefined;
}

/** A key and what it signed. */
export interface Signed {
  /** P-384; only its public half is used. */
  key: KeyObject;
  /** 512 bytes, as `snpSignature` and `signMessage` give them. */
  signature: Uint8Array;
}

/**
 * Puts an ID auth together from signatures that were made elsewhere; nothing is verified.
 * @param idKey signed the 96 bytes of the ID block   @param authorKey signed the 1028 bytes of ID_KEY, see `snpPublicKey`
 * @returns 4096 bytes   @throws HarnessError KEY_INVALID, LAYOUT_VALUE
 * Source: AMD 56860, ID authentication information structure
 */
export function assembleIdAuth({ idKey, authorKey }: { idKey: Signed; authorKey?: Signed | undefined }): Uint8Array {
  const signed = {
    idKeyAlgo: ALGO_ECDSA_P384_SHA384,
    idBlockSig: idKey.signature,
    idKey: snpPublicKey(idKey.key),
  };
  if (authorKey === undefined) return serialiseLayout(ID_AUTH, signed, 'ID auth');
  const authored = {
    authKeyAlgo: ALGO_ECDSA_P384_SHA384,
    idKeySig: authorKey.signature,
    authorKey: snpPublicKey(authorKey.key),
  };
  return serialiseLayout(ID_AUTH, { ...signed, ...authored }, 'ID auth');
}

/**
 * Signs an ID block.
 * @returns 4096 bytes   @throws HarnessError KEY_INVALID; LAYOUT_LENGTH for an ID block that is not 96 bytes
 * Source: AMD 56860, ID authentication information structure
 */
export function buildIdAuth({ idBlock, idKey, authorKey }: IdAuthInputs): Uint8Array {
  parseIdBlock(idBlock);
  const signedBlock = { key: idKey, signature: signMessage(idBlock, idKey, 'ID key') };
  if (authorKey === undefined) return assembleIdAuth({ idKey: signedBlock });
  const signedKey = { key: authorKey, signature: signMessage(snpPublicKey(idKey), authorKey, 'author key') };
  return assembleIdAuth({ idKey: signedBlock, authorKey: signedKey });
}

/**
 * Reads an ID auth.
 * @param bytes exactly 4096   @param options.reserved `keep` lets reserved bytes pass, as published firmware does
 * @throws HarnessError LAYOUT_LENGTH, LAYOUT_RESERVED
 */
export function parseIdAuth(bytes: Uint8Array, options: { reserved?: 'reject' | 'keep' } = {}): IdAuth {
  return parseLayout(ID_AUTH, bytes, 'ID auth', options);
}

function keyDigest(snpKey: Uint8Array, role: string): Uint8Array {
  const bytes = sizeOf(ECDSA_PUBLIC_KEY);
  if (snpKey.length !== bytes) {
    throw new HarnessError({ code: 'LAYOUT_LENGTH', what: `${role}: expected ${bytes} bytes, got ${snpKey.length}` });
  }
  return new Uint8Array(createHash('sha384').update(snpKey).digest());
}

/**
 * ID_KEY_DIGEST of a report: SHA-384 of the 1028 bytes, not of a DER or SEC1 key.
 * @returns 48 bytes   @throws HarnessError LAYOUT_LENGTH   Source: AMD 56860, ATTESTATION_REPORT structure
 */
export function idKeyDigest(idKey: Uint8Array): Uint8Array {
  return keyDigest(idKey, 'ID_KEY');
}

/**
 * AUTHOR_KEY_DIGEST of a report: SHA-384 of the 1028 bytes.
 * @returns 48 bytes   @throws HarnessError LAYOUT_LENGTH   Source: AMD 56860, ATTESTATION_REPORT structure
 */
export function authorKeyDigest(authorKey: Uint8Array): Uint8Array {
  return keyDigest(authorKey, 'AUTHOR_KEY');
}
