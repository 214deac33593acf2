import { sha384 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { LaunchInputs, LedgerEntry } from '../../lib/measure/inputs.ts';
import { kernelHashesOf, kernelHashesSection } from '../../lib/measure/kernel-hashes.ts';
import { LaunchContext } from '../../lib/measure/launch-context.ts';
import { measureSections, measureVcpus, sectionRegions } from '../../lib/measure/launch-steps.ts';
import { ledger, predict } from '../../lib/measure/predict.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { applicationVmsa, bootVmsa } from '../../lib/measure/vmsa.ts';
import { firmwareImage, GUID, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';
import { errorCodeOf, harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage();
const FIRMWARE = describeFirmware(IMAGE);
const HASHES = kernelHashesOf({ kernel: Buffer.from('kernel'), initrd: null, append: 'quiet' });
const INPUTS: LaunchInputs = {
  firmware: FIRMWARE,
  kernelHashes: HASHES,
  vcpus: 3,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('qemu-init2'),
};
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const digestOf = (inputs: LaunchInputs): string => hexOf(predict(inputs).launchDigest);

/** One step of the firmware written out by hand. Source: AMD 56860, PAGE_INFO structure. */
function replayed(before: Uint8Array, row: LedgerEntry, contents: Uint8Array | null): Uint8Array {
  const pageInfo = Buffer.alloc(0x70);
  pageInfo.set(before, 0);
  if (contents !== null) pageInfo.set(sha384(contents), 0x30);
  pageInfo.writeUInt16LE(0x70, 0x60);
  pageInfo.writeUInt8(row.pageType, 0x62);
  pageInfo.writeBigUInt64LE(row.gpa, 0x68);
  return sha384(pageInfo);
}

test('the ledger replays from zero to the launch digest, with hashes of another library', () => {
  const hashesPage = kernelHashesSection(HASHES, 0x810c00, 4096);
  let digest: Uint8Array = new Uint8Array(48);
  for (const row of ledger(INPUTS, IMAGE)) {
    const at = Number(row.gpa) - (0x1_0000_0000 - IMAGE.length);
    const contents: Record<string, Uint8Array> = {
      'firmware image': IMAGE.subarray(at, at + 4096),
      KERNEL_HASHES: hashesPage,
      'vCPU 0': bootVmsa(INPUTS),
      'vCPU 1': applicationVmsa(FIRMWARE.resetVector, INPUTS),
      'vCPU 2': applicationVmsa(FIRMWARE.resetVector, INPUTS),
    };
    digest = replayed(digest, row, contents[row.what] ?? null);
    expect(hexOf(digest), `${row.what} at ${row.gpa}`).toBe(hexOf(row.digestAfter));
  }
  expect(hexOf(digest)).toBe(digestOf(INPUTS));
});

test('the ledger names every page in launch order, of the image, the sections and the vCPUs', () => {
  const rows = ledger(INPUTS, IMAGE);
  expect(rows.every(({ pages }) => pages === 1)).toBe(true);
  const names = rows.map(({ what, pageType, gpa }) => `${what} ${pageType} ${gpa.toString(16)}`);
  expect(names.slice(0, 3)).toEqual(['firmware image 1 ffffe000', 'firmware image 1 fffff000', 'SEC_MEM 3 800000']);
  expect(names.slice(14, 17)).toEqual(['SECRETS 5 80d000', 'CPUID 6 80e000', 'SVSM_CAA 3 80f000']);
  expect(names.slice(-4)).toEqual([
    'KERNEL_HASHES 1 810000',
    'vCPU 0 2 fffffffff000',
    'vCPU 1 2 fffffffff000',
    'vCPU 2 2 fffffffff000',
  ]);
});

test('without the image the ledger has one row for it and ends with the same digest', () => {
  const rows = ledger(INPUTS);
  expect(rows[0]).toMatchObject({ what: 'firmware image', pages: 2, gpa: 0xffff_e000n });
  expect(rows[0]?.digestAfter).toEqual(FIRMWARE.pagesDigest);
  expect(rows.slice(1)).toEqual(ledger(INPUTS, IMAGE).slice(2));
  const sizeless = { ...INPUTS, firmware: { ...FIRMWARE, sizeBytes: null } };
  expect(ledger(sizeless)[0]).toMatchObject({ what: 'firmware image, size not known', pages: 0, gpa: 0n });
  expect(predict(sizeless).regions[0]).toEqual({ gpa: 0x800000n, bytes: 0x9000, pageType: 3 });
});

test('a ledger of an image that is not the one described is refused', () => {
  const other = IMAGE.slice();
  other[0] = 0x91;
  expect(errorCodeOf(() => ledger(INPUTS, other))).toBe('DESCRIPTOR_INVALID');
});

test('the regions are what QEMU hands over: image, then sections in the order of the image', () => {
  expect(predict(INPUTS).regions).toEqual([
    { gpa: 0xffff_e000n, bytes: 8192, pageType: 1 },
    { gpa: 0x800000n, bytes: 0x9000, pageType: 3 },
    { gpa: 0x80a000n, bytes: 0x3000, pageType: 3 },
    { gpa: 0x80d000n, bytes: 0x1000, pageType: 5 },
    { gpa: 0x80e000n, bytes: 0x1000, pageType: 6 },
    { gpa: 0x80f000n, bytes: 0x1000, pageType: 3 },
    { gpa: 0x811000n, bytes: 0xf000, pageType: 3 },
    { gpa: 0x810000n, bytes: 0x1000, pageType: 1 },
  ]);
  expect(predict({ ...INPUTS, kernelHashes: null }).regions.at(-1)).toMatchObject({ gpa: 0x810000n, pageType: 3 });
});

test('the digest of n vCPUs is on the way to that of n + 1: one walk gives all counts', () => {
  const context = new LaunchContext(FIRMWARE.pagesDigest);
  measureSections(context, sectionRegions(FIRMWARE, HASHES, INPUTS.profile));
  const digests: string[] = [];
  measureVcpus(context, FIRMWARE.resetVector, INPUTS, 512, () => digests.push(hexOf(context.digest)));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 512 }), (vcpus) => {
      expect(digestOf({ ...INPUTS, vcpus })).toBe(digests[vcpus - 1]);
    }),
  );
  expect(new Set(digests).size).toBe(512);
});

test('any one flipped bit of the image or of a hash gives another digest', () => {
  const bit = (bytes: number) => fc.integer({ min: 0, max: bytes * 8 - 1 });
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
  const usual = digestOf(INPUTS);
  // The metadata and the footer table begin 0x800 before the end; what a flip there does is another test's matter.
  fc.assert(
    fc.property(bit(IMAGE.length - METADATA_FROM_END), (at) => {
      expect(digestOf({ ...INPUTS, firmware: describeFirmware(flipped(IMAGE, at)) })).not.toBe(usual);
    }),
  );
  fc.assert(
    fc.property(fc.constantFrom('kernel', 'initrd', 'cmdline'), bit(32), (name, at) => {
      const kernelHashes = { ...HASHES, [name]: flipped(HASHES[name], at) };
      expect(digestOf({ ...INPUTS, kernelHashes })).not.toBe(usual);
    }),
  );
});

test('each launch input changes the digest', () => {
  const digests = [
    INPUTS,
    { ...INPUTS, kernelHashes: null },
    { ...INPUTS, vcpus: 4 },
    { ...INPUTS, vcpuSignature: 0xa00f11 },
    { ...INPUTS, guestFeatures: 0x21n },
    { ...INPUTS, profile: vmmProfileOf('qemu-pre-init2') },
    { ...INPUTS, firmware: { ...FIRMWARE, resetVector: 0x80b008 } },
    { ...INPUTS, firmware: { ...FIRMWARE, sections: [...FIRMWARE.sections].reverse() } },
  ].map(digestOf);
  expect(new Set(digests).size).toBe(digests.length);
});

for (const vcpus of [0, -1, 1.5, 513, Number.NaN]) {
  test(`${vcpus} vCPUs are refused`, () => {
    const error = harnessErrorOf(() => predict({ ...INPUTS, vcpus }));
    expect(error.code).toBe('VCPU_COUNT');
    expect(error.what).toBe(`expected 1 to 512 vCPUs, got ${vcpus}`);
  });
}

test('a signature wider than 32 bits, features without SNPActive and half a digest are refused', () => {
  expect(errorCodeOf(() => predict({ ...INPUTS, vcpuSignature: 0x1_0000_0000 }))).toBe('NUMBER_INVALID');
  expect(errorCodeOf(() => predict({ ...INPUTS, vcpuSignature: -1 }))).toBe('NUMBER_INVALID');
  expect(errorCodeOf(() => predict({ ...INPUTS, vcpuSignature: 0 }))).toBeNull();
  expect(errorCodeOf(() => predict({ ...INPUTS, vcpuSignature: 0xffff_ffff }))).toBeNull();
  expect(errorCodeOf(() => ledger({ ...INPUTS, guestFeatures: 0x30000n }))).toBe('GUEST_FEATURES_INVALID');
  const halved = { ...FIRMWARE, pagesDigest: FIRMWARE.pagesDigest.subarray(24) };
  expect(errorCodeOf(() => predict({ ...INPUTS, firmware: halved }))).toBe('LAYOUT_LENGTH');
});

test('a table of kernel hashes may stand at the very start of its section', () => {
  const firmware = { ...FIRMWARE, hashesTable: { gpa: 0x810000, sizeBytes: 0x400 } };
  expect(digestOf({ ...INPUTS, firmware })).not.toBe(digestOf(INPUTS));
});

const withoutSection = FIRMWARE.sections.filter(({ type }) => type !== 0x10);
const NO_PLACE = [
  ['no table of kernel hashes', { ...FIRMWARE, hashesTable: null }],
  ['no KERNEL_HASHES section', { ...FIRMWARE, sections: withoutSection }],
  ['its table before its section', { ...FIRMWARE, hashesTable: { gpa: 0x80cc00, sizeBytes: 0x400 } }],
  ['its table after its section', { ...FIRMWARE, hashesTable: { gpa: 0x811000, sizeBytes: 0x400 } }],
  ['its table across the end of its section', { ...FIRMWARE, hashesTable: { gpa: 0x810fff, sizeBytes: 0x400 } }],
] as const;
for (const [claim, firmware] of NO_PLACE) {
  test(`a kernel on a firmware with ${claim} is refused, and without kernel it is predicted`, () => {
    const error = harnessErrorOf(() => predict({ ...INPUTS, firmware }));
    expect(error.code).toBe('OVMF_NO_HASHES_TABLE');
    expect(error.hint).toContain('AmdSev');
    expect(predict({ ...INPUTS, firmware, kernelHashes: null }).launchDigest).toHaveLength(48);
  });
}

/** A digest, or an error of the family; anything else is thrown on and fails the property. */
function outcomeOf(image: Uint8Array): 'predicted' | 'refused' {
  return errorCodeOf(() => predict({ ...INPUTS, firmware: describeFirmware(image) })) === null
    ? 'predicted'
    : 'refused';
}

// The runner's `expect` costs a millisecond, so the lengths with a wrong outcome are gathered first.
const LENGTHS = Array.from({ length: IMAGE.length - 1 }, (_, index) => index + 1);

test('an image cut to any length is refused, whole pages too', () => {
  expect([0, ...LENGTHS].filter((bytes) => outcomeOf(IMAGE.subarray(0, bytes)) !== 'refused')).toEqual([]);
  expect(outcomeOf(IMAGE)).toBe('predicted');
});

test('an image that lost its beginning in whole pages is another image, in parts of pages it is refused', () => {
  expect(LENGTHS.filter((lost) => outcomeOf(IMAGE.subarray(lost)) !== 'refused')).toEqual([4096]);
});

test('any bytes over metadata and footer table give a digest or a coded error', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: METADATA_FROM_END - 1 }), fc.integer({ min: 0, max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.boolean(),
      (writes, inTables) => {
        const image = firmwareImage({ bytes: 4096 });
        for (const [at, byte] of writes) {
          // Half of the runs aim at the 100 bytes of metadata and the 120 of the table, where a byte has a meaning.
          const aimed = at < 1024 ? METADATA_FROM_END - (at % 100) : 32 + (at % 120);
          image[image.length - (inTables ? aimed : at + 1)] = byte;
        }
        seen.add(outcomeOf(image));
      },
    ),
    { numRuns: 3000 },
  );
  expect([...seen].sort()).toEqual(['predicted', 'refused']);
});

test('any payload in the known entries gives a digest or a coded error', () => {
  const payload = fc.uint8Array({ maxLength: 12 });
  fc.assert(
    fc.property(payload, payload, fc.nat(5000), fc.nat(200), (reset, hashes, metadataOffset, tableLength) => {
      const entries = [
        [GUID.resetBlock, reset],
        [GUID.hashes, hashes],
        [GUID.metadata, u32(metadataOffset)],
      ] as const;
      outcomeOf(firmwareImage({ bytes: 4096, entries, tableLength }));
    }),
    { numRuns: 2000 },
  );
});
