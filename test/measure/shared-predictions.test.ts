import fc from 'fast-check';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { SharedPredictions } from '../../lib/measure/shared-predictions.ts';
import { VMM_PROFILES } from '../../lib/measure/vmm-profiles.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const FIRMWARE = [describeFirmware(firmwareImage({})), describeFirmware(firmwareImage({}))];
const HASHES = [null, 'quiet', 'loud'].map((append) =>
  append === null ? null : kernelHashesOf({ kernel: Buffer.from('k'), initrd: null, append }),
);
const PROFILES = VMM_PROFILES.filter(({ boots }) => boots === 'firmware');

const launch = fc.record({
  firmware: fc.constantFrom(...FIRMWARE),
  kernelHashes: fc.constantFrom(...HASHES),
  vcpus: fc.integer({ min: 1, max: 12 }),
  vcpuSignature: fc.constantFrom(0, 0x800f12, 0xa00f11),
  guestFeatures: fc.constantFrom(0x1n, 0x21n),
  profile: fc.constantFrom(...PROFILES),
});

test('shared work gives the digests of single predictions, in whatever order they are asked for', () => {
  fc.assert(
    fc.property(fc.array(launch, { minLength: 1, maxLength: 40 }), (launches) => {
      const shared = new SharedPredictions();
      for (const inputs of launches) expect(shared.launchDigest(inputs)).toEqual(predict(inputs).launchDigest);
    }),
    { numRuns: 40 },
  );
});

test('what cannot be predicted alone cannot be predicted together', () => {
  const [firmware] = FIRMWARE;
  const [profile] = PROFILES;
  if (firmware === undefined || profile === undefined) throw new Error('no firmware');
  const inputs = { firmware, kernelHashes: null, vcpus: 0, vcpuSignature: 1, guestFeatures: 1n, profile };
  expect(harnessErrorOf(() => new SharedPredictions().launchDigest(inputs)).code).toBe('VCPU_COUNT');
});
