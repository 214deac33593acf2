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
import { tries } from '../support/soak.ts';
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
    const page = contents[row.what];
    expect(row.contents, row.what).toEqual(page === undefined ? new Uint8Array(48) : sha384(page));
    digest = replayed(digest, row, page ?? null);
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

test('any one flipped bit of the image, of a kernel hash or of a file gives another digest or no digest', () => {
  const bit = (bytes: number) => fc.integer({ min: 0, max: bytes * 8 - 1 });
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7));
    return copy;
  };
  const usual = digestOf(INPUTS);
  const digestOfImage = (image: Uint8Array): string => digestOf({ ...INPUTS, firmware: describeFirmware(image) });
  fc.assert(
    fc.property(bit(IMAGE.length - METADATA_FROM_END), (at) => {
      expect(digestOfImage(flipped(IMAGE, at))).not.toBe(usual);
    }),
  );
  // Metadata and footer table are measured too, and a flip there may forbid the launch.
  for (let at = (IMAGE.length - METADATA_FROM_END) * 8; at < IMAGE.length * 8; at += 3) {
    let digest: string | null = null;
    const refusal = errorCodeOf(() => {
      digest = digestOfImage(flipped(IMAGE, at));
    });
    if (refusal === null && digest === usual) throw new Error(`bit ${at} is not measured`);
  }
  const file = Buffer.from('a kernel, an initrd');
  const ofFile = (kernel: Uint8Array, initrd: Uint8Array): string =>
    digestOf({ ...INPUTS, kernelHashes: kernelHashesOf({ kernel, initrd, append: 'quiet' }) });
  fc.assert(
    fc.property(bit(file.length), (at) => {
      expect(new Set([ofFile(file, file), ofFile(flipped(file, at), file), ofFile(file, flipped(file, at))]).size).toBe(
        3,
      );
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
  ['an area for its hashes that QEMU finds too small', { ...FIRMWARE, hashesTable: { gpa: 0x810c00, sizeBytes: 175 } }],
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

/** Numbers that matter to a field of 16 or 32 bits, in its last bytes first. */
const TELLING = [
  0, 1, 0x12, 0xff, 0xfff, 0x1000, 0x1001, 0x7fff, 0xffff, 0x10000, 0x7fff_ffff, 0xffff_f000, 0xffff_ffff,
];

/** Numbers below a bound, the same in every run: so many images are too many to tell apart but by their number. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    const mixed = Math.imul(state ^ (state >>> 15), state | 1);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const IMAGES = tries(10_000, 100_000);
test(`each of ${IMAGES} damaged images gives a digest or a coded error`, () => {
  test.setTimeout(240_000); // All of them are 5 s of an idle processor; on a busy one more than the usual minute.
  // Small sections: what costs time here is to measure them.
  const whole = firmwareImage({
    bytes: 4096,
    sections: [1, 2, 3, 4, 0x10].map((type, index) => [0x80c000 + index * 0x1000, 0x1000, type] as const),
  });
  const image = Buffer.from(whole);
  const next = numbers(20_260_101);
  const seen = { predicted: 0, refused: 0 };
  // Of most images an error is made, and half of its cost is the stack that nobody looks at.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  for (let run = 0; run < IMAGES; run += 1) {
    for (let writes = next(3); writes >= 0; writes -= 1) {
      // The 76 bytes of metadata, the 100 of the table, or any.
      const at = [4096 - METADATA_FROM_END + next(76), 4096 - 32 - 100 + next(100), next(4093)][next(3)] ?? 0;
      const bytes = [1, 2, 4][next(3)] ?? 1;
      const value = bytes === 1 ? next(256) : (TELLING[next(TELLING.length)] ?? 0) % 2 ** (8 * bytes);
      image.writeUIntLE(value, Math.min(at, 4096 - bytes), bytes);
    }
    const cut = next(50) === 0 ? next(4096) : 0;
    seen[outcomeOf(cut === 0 ? image : image.subarray(cut))] += 1;
    image.set(whole);
  }
  Error.stackTraceLimit = stackTraceLimit;
  expect(seen.predicted).toBeGreaterThan(IMAGES / 20);
  expect(seen.refused).toBeGreaterThan(IMAGES / 20);
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
    { numRuns: tries(500, 2000) },
  );
});
