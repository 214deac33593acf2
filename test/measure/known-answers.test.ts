import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { LaunchInputs } from '../../lib/measure/inputs.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { predictSev, predictSevEs } from '../../lib/measure/sev.ts';
import { vcpuSignatureOf } from '../../lib/measure/vcpu-types.ts';
import { newestVmmProfile, vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { errorCodeOf } from '../support/harness-error.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import {
  type LaunchDigestRow,
  launchDigestRows,
  vectorBytes,
  vectorsAbsent,
  vectorsPresent,
} from '../support/vectors.ts';

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Launch inputs of a known answer; a row with a firmware hash starts from that with the metadata of the image. */
function inputsOf(row: LaunchDigestRow): LaunchInputs {
  const firmware = describeFirmware(vectorBytes(row.ovmf));
  const bytesOf = (hex: string | null): Uint8Array | null => (hex === null ? null : Buffer.from(hex, 'hex'));
  const kernel = bytesOf(row.kernelHex);
  return {
    firmware: row.ovmfHashHex === null ? firmware : { ...firmware, pagesDigest: Buffer.from(row.ovmfHashHex, 'hex') },
    kernelHashes: kernel && kernelHashesOf({ kernel, initrd: bytesOf(row.initrdHex), append: row.append }),
    vcpus: row.vcpus,
    vcpuSignature: row.vcpuSig === null ? null : Number(row.vcpuSig),
    guestFeatures: BigInt(row.guestFeatures ?? '0x1'),
    profile: newestVmmProfile(row.vmm),
  };
}

const ROWS = launchDigestRows();

/** The digest of a row by its mode. */
function digestOf(row: LaunchDigestRow): Uint8Array {
  const inputs = inputsOf(row);
  const image = vectorBytes(row.ovmf);
  if (row.mode === 'snp:ovmf-hash') return inputs.firmware.pagesDigest;
  if (row.mode === 'sev') return predictSev({ ...inputs, image });
  // The published calculators measure SEV_FEATURES 0 for SEV-ES, whatever is asked for.
  if (row.mode === 'seves') return predictSevEs({ ...inputs, image, guestFeatures: 0n });
  return predict(inputs).launchDigest;
}

test('the known answers are at hand', () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  expect(ROWS.length).toBe(30);
});

for (const row of ROWS) {
  if (row.expectedError !== undefined) {
    test(`${row.id}: a kernel on a firmware without a place for its hashes is refused`, () => {
      expect(errorCodeOf(() => digestOf({ ...row, vcpuSig: row.vcpuSig ?? '0' }))).toBe('OVMF_NO_HASHES_TABLE');
    });
  } else {
    test(`${row.id}: the launch digest is the published one`, () => {
      expect(hexOf(digestOf(row))).toBe(row.expectedHex);
    });
  }
  const { vcpuType, vcpuSig } = row;
  if (vcpuType !== null && vcpuSig !== null) {
    test(`${row.id}: ${vcpuType} has signature ${vcpuSig}`, () => {
      expect(vcpuSignatureOf(vcpuType)).toBe(Number(vcpuSig));
    });
  }
}

/** Inputs of the regression numbers below; kernel files are ASCII text. Source: sev-snp-measure 0.0.13, its output. */
interface RegressionRow {
  claim: string;
  digest: string;
  vcpus?: number;
  signature?: number;
  features?: bigint;
  kernel?: { initrd: string | null; append: string | null };
}

function predicted(image: Uint8Array, row: RegressionRow): string {
  const kernel = row.kernel && {
    kernel: Buffer.from('KERNELKERNEL'),
    initrd: row.kernel.initrd === null ? null : Buffer.from(row.kernel.initrd),
    append: row.kernel.append,
  };
  const { launchDigest } = predict({
    firmware: describeFirmware(image),
    kernelHashes: kernel === undefined ? null : kernelHashesOf(kernel),
    vcpus: row.vcpus ?? 1,
    vcpuSignature: row.signature ?? 0x800f12,
    guestFeatures: row.features ?? 1n,
    profile: vmmProfileOf('qemu-init2'),
  });
  return hexOf(launchDigest);
}

const SUFFIX_ROWS: readonly RegressionRow[] = [
  {
    claim: 'one vCPU',
    digest: '19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d',
  },
  {
    claim: 'four vCPUs',
    vcpus: 4,
    digest: '49a5df7673889babb3ee480795e1be1571b812264c2c7cc3ac6f92298a2f8683d8c691b26d8114dd6afbd324c2150ae1',
  },
  {
    claim: 'a kernel, no initrd, no command line',
    kernel: { initrd: null, append: null },
    digest: 'dfb925cdf5246f1b313e20132cf49f08c8cb2fd65fec6ec2d9611011892d7931a4f7282927e939bdb2c455d4cc861983',
  },
  {
    claim: 'a kernel and an empty command line',
    kernel: { initrd: null, append: '' },
    digest: 'dfb925cdf5246f1b313e20132cf49f08c8cb2fd65fec6ec2d9611011892d7931a4f7282927e939bdb2c455d4cc861983',
  },
  {
    claim: 'kernel, initrd and command line',
    kernel: { initrd: 'INITRD', append: 'console=ttyS0' },
    digest: '952beec38d789ef98eb1b75b1d12592d6fce178fd1978c752ff6cca0ee831616445628387d373db7da05e33bc1fdb45a',
  },
  {
    claim: 'guest features 0x21',
    features: 0x21n,
    digest: 'e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b',
  },
  {
    claim: 'the signature of EPYC-Milan',
    signature: 0xa00f11,
    digest: '93f767a2bff8fc050ed48cfe6e2dc9bb4c45b2313c48df0159a6b22fdc5633307f93a7ec31cf6fc92a61a2ace3cb9679',
  },
];

for (const row of SUFFIX_ROWS) {
  test(`AmdSev suffix image with ${row.claim} has its published digest`, () => {
    test.skip(!vectorsPresent, vectorsAbsent);
    expect(predicted(vectorBytes('ovmf/ovmf_AmdSev_suffix.bin'), row)).toBe(row.digest);
  });
}

/** Full-size images of Debian packages, by the SHA-256 of the file: another version of the package is another image. */
const FULL_SIZE = [
  {
    file: join('ovmf-amdsev', 'OVMF.amdsev.fd'),
    sha256: '3e4fd0b3fe3b2dbe481c3d9e99418a034174f26cbe1f55aa212b0f18c12d2d6f',
    rows: [
      {
        claim: 'one vCPU',
        digest: 'd74bd3ea40b240c3228edc5177ce6193561ebff633dbd0be76d6c143b876d65102425c0e2e8a930857c48daa5eacda58',
      },
      {
        claim: 'four vCPUs',
        vcpus: 4,
        digest: '13a6ae9fbaa31c91ade309c36bd5214729438abac318e01176e02a97b8bec11a4bce86b4d2b1fba2ec0481dd24ff525f',
      },
      {
        claim: 'the signature of EPYC-Turin',
        signature: 0xb00f00,
        digest: 'f37aa18d4893c89479a0711555e94317461460328b5af613f3c4737b38e30d0a71abd691e66fef6c2fb93fa53a3bd462',
      },
      {
        claim: 'kernel, initrd and command line',
        kernel: { initrd: 'INITRD', append: 'console=ttyS0' },
        digest: '27ed751b23db92b77b3fa70898f1c8d1a1cb9672cb0976d92637848de89a79ef28d223d7971c553cc379293473fecc38',
      },
    ],
  },
  {
    file: join('ovmf-x64', 'OVMF.fd'),
    sha256: '14954040cc754ade0c625ac3470ea46d4c14318b5b1396de4ef77090203d76db',
    rows: [
      {
        claim: 'one vCPU',
        digest: '6eef547a9fcf5720c5c04883fe85788d29de46b55a51e554467029b554a3352e66d2f3c71b84cea937d19a1a6c41596f',
      },
    ],
  },
] as const satisfies readonly { file: string; sha256: string; rows: readonly RegressionRow[] }[];

for (const { file, sha256, rows } of FULL_SIZE) {
  for (const row of rows) {
    test(`${file} with ${row.claim} has its published digest`, () => {
      const path = join(ARTIFACTS_FOLDER, file);
      test.skip(!existsSync(path), `${path} is absent`);
      const image = new Uint8Array(readFileSync(path));
      const found = describeFirmware(image).sha256;
      test.skip(found !== sha256, `${path} is another version: sha256 ${found}`);
      expect(predicted(image, row)).toBe(row.digest);
    });
  }
}
