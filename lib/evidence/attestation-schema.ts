import { z } from 'zod';

/** Where the certificates of a report come from: the key distribution service, or the host, with the report itself. */
const ATTESTATION_WORKFLOWS = ['standard', 'extended'] as const;
export type AttestationWorkflow = (typeof ATTESTATION_WORKFLOWS)[number];

/** What an issuer made wrong on purpose, for a launch whose report must then be refused. */
export type WrongCertificates = 'other-chip' | 'stale' | 'revoked';

/** Why certificates could not be had. */
export const CERTIFICATE_TROUBLES = [
  'KDS_NOT_FOUND',
  'KDS_UNREACHABLE',
  'KDS_THROTTLED',
  'KDS_ANSWER',
  'KDS_CACHE',
] as const;

/** A certificate has less than 16 KiB, a list of revoked ones seldom more than one. */
const MAX_DER_BASE64 = 64 * 1024;
const der = z.base64().max(MAX_DER_BASE64);

/** What a report is verified with, beside what the guest sent. */
export const attestationSchema = z.strictObject({
  workflow: z.enum(ATTESTATION_WORKFLOWS),
  /** The moment for which certificates and lists must be valid. */
  at: z.iso.datetime(),
  /** Certificates and lists of revoked ones that the service gave, DER. Those of the host are in `outcome.certificates`. */
  certificates: z.array(der).max(16),
  /** Why some of them are not there. */
  trouble: z.strictObject({ code: z.enum(CERTIFICATE_TROUBLES), what: z.string().max(2000) }).nullable(),
  /** The root of an emulated host's chain; it is trusted for evidence of emulated hosts alone. */
  emulatedRoot: z
    .strictObject({
      product: z.enum(['Milan', 'Genoa', 'Turin']),
      chainName: z.string().max(100).startsWith('emulated-'),
      organization: z.string().max(100),
      spkiSha256: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .nullable(),
  /** The cloud provider whose VLEK the host must have; null: none was named. */
  cspId: z.string().max(200).nullable(),
  /** The report of an earlier launch of the same cell, where there was one. */
  earlierReport: z.base64().max(1580).nullable(),
  /** Certificates or a list that are wrong on purpose, in DER or as a table; absent: none were asked for. */
  wrong: der.optional(),
});
export type Attestation = z.infer<typeof attestationSchema>;
