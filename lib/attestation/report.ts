import type { KeyObject } from 'node:crypto';
import { ALGO_ECDSA_P384_SHA384 } from '../abi/id-auth.ts';
import { parseLayout, sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT, type AttestationReport, REPORT_SIGNED_BYTES, REPORT_VERSIONS } from '../abi/report.ts';
import { HarnessError } from '../errors.ts';
import { signatureHolds } from '../identity/ecdsa.ts';

/** What messages call the structure. */
const WHAT = 'attestation report';

/** Insists on the length of a report. @throws HarnessError LAYOUT_LENGTH */
export function requireReportLength(bytes: Uint8Array): void {
  const expected = sizeOf(ATTESTATION_REPORT);
  if (bytes.length !== expected) {
    throw new HarnessError({
      code: 'LAYOUT_LENGTH',
      what: `${WHAT}: expected ${expected} bytes, got ${bytes.length}`,
    });
  }
}

/** The version of a report, its first four bytes. @throws HarnessError LAYOUT_LENGTH */
function versionOf(bytes: Uint8Array): number {
  requireReportLength(bytes);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** How reports of versions after the newest known are treated. */
export type UnknownVersions = 'refused' | 'read as the newest known';

/**
 * The version by which fields and reserved bytes of a report are read; undefined where they are not known. Version 4 was
 * never published: what is known of it has the shape of version 5.
 */
export function layoutVersionOf(version: number, unknown: UnknownVersions = 'refused'): number | undefined {
  const { oldest, newest } = REPORT_VERSIONS;
  if (version < oldest || (version > newest && unknown === 'refused')) return undefined;
  return version === 4 || version > newest ? newest : version;
}

/**
 * Reads a report. Bits without a meaning in POLICY, PLATFORM_INFO, the TCBs and the key information stay as they are.
 * @param bytes exactly 1184
 * @param options.reserved `reject` (default) refuses nonzero must-be-zero bytes, `keep` lets them pass
 * @param options.unknown whether a version after 5 is read as version 5; refused by default
 * @throws HarnessError LAYOUT_LENGTH; REPORT_INVALID for a version whose fields are not known; LAYOUT_RESERVED
 * Source: AMD 56860, ATTESTATION_REPORT structure
 */
export function parseReport(
  bytes: Uint8Array,
  options: { reserved?: 'reject' | 'keep'; unknown?: UnknownVersions | undefined } = {},
): AttestationReport {
  const stated = versionOf(bytes);
  const version = layoutVersionOf(stated, options.unknown);
  if (version === undefined) {
    const { oldest, newest } = REPORT_VERSIONS;
    throw new HarnessError({
      code: 'REPORT_INVALID',
      what: `${WHAT}: expected version ${oldest} to ${newest}, got ${stated}`,
      hint: 'its signature can be verified all the same; its fields cannot be read',
    });
  }
  return parseLayout(ATTESTATION_REPORT, bytes, WHAT, { reserved: options.reserved ?? 'reject', version });
}

/** The 672 bytes of a report that its signature covers, copied out. @throws HarnessError LAYOUT_LENGTH */
export function signedPart(bytes: Uint8Array): Uint8Array {
  requireReportLength(bytes);
  return Uint8Array.from(bytes.subarray(0, REPORT_SIGNED_BYTES));
}

/** SIGNING_KEY, bits 4:2 of the key information. Source: AMD 56860, ATTESTATION_REPORT structure. */
const SIGNING_KEYS: Readonly<Record<number, SigningKey>> = { 0: 'VCEK', 1: 'VLEK', 7: 'none' };
export type SigningKey = 'VCEK' | 'VLEK' | 'none' | 'reserved';

/** What the 32 bits at 0x48 of a report say. */
export interface KeyInfo {
  authorKeyEnabled: boolean;
  /** Has the host disabled signing with the chip's key? */
  chipKeyMasked: boolean;
  signingKey: SigningKey;
  /** Set bits without a meaning, in place; 0 where there are none. */
  unknownBits: number;
}

/** Takes the key information of a report apart. Source: AMD 56860, ATTESTATION_REPORT structure. */
export function parseKeyInfo(keyInfo: number): KeyInfo {
  return {
    authorKeyEnabled: (keyInfo & 1) !== 0,
    chipKeyMasked: (keyInfo & 2) !== 0,
    signingKey: SIGNING_KEYS[(keyInfo >>> 2) & 7] ?? 'reserved',
    unknownBits: (keyInfo & ~0x1f) >>> 0,
  };
}

/**
 * Does the signature of a report hold over the bytes received, never over re-encoded ones? Of any version: fields added
 * later are signed like the others.
 * @param bytes exactly 1184   @param publicKey of the VCEK or VLEK certificate
 * @returns false too where SIGNATURE_ALGO is not 1, or bytes above R, above S or after them are set
 * @throws HarnessError LAYOUT_LENGTH, KEY_INVALID
 * Source: AMD 56860, ATTESTATION_REPORT structure
 */
export function verifyReportSignature(bytes: Uint8Array, publicKey: KeyObject): boolean {
  const signed = signedPart(bytes);
  const { signatureAlgo } = parseLayout(ATTESTATION_REPORT, bytes, WHAT, { reserved: 'keep' });
  const holds = signatureHolds(bytes.subarray(REPORT_SIGNED_BYTES), signed, publicKey);
  return holds && signatureAlgo === ALGO_ECDSA_P384_SHA384;
}
