import type { Layout, Parsed } from './layout.ts';

/**
 * ATTESTATION_REPORT, 0x4A0 bytes, little-endian; versions 2, 3 and 5 are one layout whose newer fields read as zero in
 * older versions. The firmware versions stand as build, minor, major. R and S: 48 bytes and then 24 zero bytes.
 * Source: AMD 56860, ATTESTATION_REPORT structure.
 */
export const ATTESTATION_REPORT = [
  { name: 'version', at: 0x000, bytes: 4, type: 'u32le' },
  { name: 'guestSvn', at: 0x004, bytes: 4, type: 'u32le' },
  { name: 'policy', at: 0x008, bytes: 8, type: 'u64le' },
  { name: 'familyId', at: 0x010, bytes: 16, type: 'bytes' },
  { name: 'imageId', at: 0x020, bytes: 16, type: 'bytes' },
  { name: 'vmpl', at: 0x030, bytes: 4, type: 'u32le' },
  { name: 'signatureAlgo', at: 0x034, bytes: 4, type: 'u32le' },
  { name: 'currentTcb', at: 0x038, bytes: 8, type: 'u64le' },
  { name: 'platformInfo', at: 0x040, bytes: 8, type: 'u64le' },
  { name: 'keyInfo', at: 0x048, bytes: 4, type: 'u32le' },
  { name: 'reserved4c', at: 0x04c, bytes: 4, type: 'mbz' },
  { name: 'reportData', at: 0x050, bytes: 64, type: 'bytes' },
  { name: 'measurement', at: 0x090, bytes: 48, type: 'bytes' },
  { name: 'hostData', at: 0x0c0, bytes: 32, type: 'bytes' },
  { name: 'idKeyDigest', at: 0x0e0, bytes: 48, type: 'bytes' },
  { name: 'authorKeyDigest', at: 0x110, bytes: 48, type: 'bytes' },
  { name: 'reportId', at: 0x140, bytes: 32, type: 'bytes' },
  { name: 'reportIdMa', at: 0x160, bytes: 32, type: 'bytes' },
  { name: 'reportedTcb', at: 0x180, bytes: 8, type: 'u64le' },
  { name: 'cpuidFamId', at: 0x188, bytes: 1, type: 'u8', since: 3 },
  { name: 'cpuidModId', at: 0x189, bytes: 1, type: 'u8', since: 3 },
  { name: 'cpuidStep', at: 0x18a, bytes: 1, type: 'u8', since: 3 },
  { name: 'reserved18b', at: 0x18b, bytes: 21, type: 'mbz' },
  { name: 'chipId', at: 0x1a0, bytes: 64, type: 'bytes' },
  { name: 'committedTcb', at: 0x1e0, bytes: 8, type: 'u64le' },
  { name: 'currentBuild', at: 0x1e8, bytes: 1, type: 'u8' },
  { name: 'currentMinor', at: 0x1e9, bytes: 1, type: 'u8' },
  { name: 'currentMajor', at: 0x1ea, bytes: 1, type: 'u8' },
  { name: 'reserved1eb', at: 0x1eb, bytes: 1, type: 'mbz' },
  { name: 'committedBuild', at: 0x1ec, bytes: 1, type: 'u8' },
  { name: 'committedMinor', at: 0x1ed, bytes: 1, type: 'u8' },
  { name: 'committedMajor', at: 0x1ee, bytes: 1, type: 'u8' },
  { name: 'reserved1ef', at: 0x1ef, bytes: 1, type: 'mbz' },
  { name: 'launchTcb', at: 0x1f0, bytes: 8, type: 'u64le' },
  { name: 'launchMitVector', at: 0x1f8, bytes: 8, type: 'u64le', since: 5 },
  { name: 'currentMitVector', at: 0x200, bytes: 8, type: 'u64le', since: 5 },
  { name: 'reserved208', at: 0x208, bytes: 152, type: 'mbz' },
  { name: 'signatureR', at: 0x2a0, bytes: 72, type: 'bytes' },
  { name: 'signatureS', at: 0x2e8, bytes: 72, type: 'bytes' },
  { name: 'reserved330', at: 0x330, bytes: 368, type: 'mbz' },
] as const satisfies Layout;
export type AttestationReport = Parsed<typeof ATTESTATION_REPORT>;

/** How many bytes of a report are signed, from its start; SIGNATURE follows. Source: AMD 56860, ATTESTATION_REPORT. */
export const REPORT_SIGNED_BYTES = 0x2a0;

/** The report versions whose fields are known. Source: AMD 56860, revisions of ATTESTATION_REPORT. */
export const REPORT_VERSIONS = { oldest: 2, newest: 5 } as const;
