import { X509Certificate } from 'node:crypto';
import { vectorBytes } from '../support/vectors.ts';

/** What is known of one real report, as the list of the vectors gives it: read by other programs, not by this one. */
export interface RealReport {
  /** File name in reports/, without .bin. */
  name: string;
  version: number;
  /** CURRENT_MAJOR.CURRENT_MINOR.CURRENT_BUILD. */
  firmware: string;
  policy: bigint;
  vmpl: number;
  platformInfo: bigint;
  keyInfo: number;
  /** Family, model, stepping as hex; zeros in version 2. */
  cpuid: string;
  /** The bytes of REPORTED_TCB in order, as hex. */
  reportedTcb: string;
  /** File names in certs/, without .der, whose key signed the report. */
  signedBy: readonly string[];
}

type Row = readonly [string, number, string, bigint, number, bigint, number, string, string, readonly string[]];

const ROWS: readonly Row[] = [
  ['milan-v2-a', 2, '1.52.4', 0x30000n, 0, 0x1n, 0, '000000', '0300000000000873', ['milan-v2-a.vcek']],
  ['milan-v2-b-debug', 2, '1.49.3', 0xb0000n, 0, 0x1n, 0, '000000', '0200000000000544', ['milan-v2-b-debug.vcek']],
  ['milan-v2-c-azure', 2, '1.52.4', 0x3001fn, 0, 0x1n, 0, '000000', '0300000000000873', ['milan-v2-c-azure.vcek']],
  ['milan-v2-d-azure', 2, '1.52.4', 0x3001fn, 0, 0x1n, 0, '000000', '0300000000000873', ['milan-v2-d-azure.vcek']],
  ['milan-v2-e-vlek', 2, '1.55.18', 0x30000n, 1, 0x3n, 4, '000000', '03000000000015d1', ['milan-v2-e-vlek.vlek']],
  ['milan-v3-a-azure', 3, '1.55.29', 0x3001fn, 0, 0x25n, 0, '190101', '04000000000018db', ['milan-v3-a-azure.vcek']],
  ['milan-v3-b-vlek', 3, '1.55.29', 0x30000n, 1, 0x27n, 4, '190101', '04000000000018d9', ['milan-v3-b-vlek.vlek']],
  ['milan-v3-c-azure', 3, '1.55.29', 0x3001fn, 0, 0x25n, 0, '190101', '04000000000018db', ['milan-v3-c-azure.vcek']],
  [
    'milan-v3-d',
    3,
    '1.55.29',
    0x3001fn,
    0,
    0x25n,
    0,
    '190101',
    '04000000000018db',
    ['milan-v3-d.vcek', 'milan-v3-d.vcek-reissue'],
  ],
  ['milan-v3-e', 3, '1.55.29', 0x30000n, 0, 0x25n, 0, '190101', '04000000000018db', ['milan-v3-e.vcek']],
  ['milan-v3-f', 3, '1.55.29', 0x30000n, 0, 0x25n, 0, '190101', '04000000000018db', ['milan-v3-f.vcek']],
  ['milan-v3-g', 3, '1.55.29', 0x30000n, 0, 0x25n, 0, '190101', '04000000000018db', ['milan-v3-f.vcek']],
  ['genoa-v3-a', 3, '1.55.39', 0x30000n, 0, 0x25n, 0, '191101', '0900000000001748', ['genoa-v3-a.vcek']],
  ['genoa-v3-b', 3, '1.55.40', 0x30000n, 0, 0x25n, 0, '191101', '0a00000000001754', ['genoa-v3-b.vcek']],
  ['genoa-v3-c', 3, '1.55.40', 0x30000n, 0, 0x27n, 0, '191101', '0a00000000001754', ['genoa-v3-c.vcek']],
  [
    'genoa-v5-a-a0',
    5,
    '1.55.49',
    0x30000n,
    0,
    0x25n,
    0,
    '19a002',
    '0a00000000001b1b',
    ['genoa-v5-a-a0.vcek', 'genoa-v5-a-a0.vcek-reissue'],
  ],
  [
    'genoa-v5-b-a0',
    5,
    '1.55.49',
    0x30000n,
    0,
    0x25n,
    0,
    '19a002',
    '0a00000000001b1b',
    ['genoa-v5-a-a0.vcek', 'genoa-v5-a-a0.vcek-reissue'],
  ],
  [
    'genoa-v5-c',
    5,
    '1.55.43',
    0x30000n,
    0,
    0x25n,
    0,
    '191101',
    '0a00000000001954',
    ['genoa-v5-c.vcek', 'genoa-v5-c.vcek-reissue'],
  ],
  ['turin-v5-a', 5, '1.58.3', 0x30000n, 0, 0x65n, 0, '1a0201', '0103020500000061', ['turin-v5-a.vcek']],
  ['turin-v5-b', 5, '1.55.61', 0x30000n, 0, 0x67n, 0, '1a0201', '0001000200000047', ['turin-v5-b.vcek']],
];

/** Every real report of the vectors. */
export const REAL_REPORTS: readonly RealReport[] = ROWS.map(
  ([name, version, firmware, policy, vmpl, platformInfo, keyInfo, cpuid, reportedTcb, signedBy]) => {
    return { name, version, firmware, policy, vmpl, platformInfo, keyInfo, cpuid, reportedTcb, signedBy };
  },
);

/** The 1184 bytes of a real report. */
export function reportBytes(name: string): Uint8Array {
  return vectorBytes(`reports/${name}.bin`);
}

/** The public key of a real VCEK or VLEK. */
export function certificateKey(name: string) {
  return new X509Certificate(vectorBytes(`certs/${name}.der`)).publicKey;
}
