import { knownAsSeen, type SeenLaunch, seenDifferences } from '../../lib/explain/proof.ts';
import { sha256 } from '../../lib/measure/sha.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known, append } = sceneOf(new Dice(1), SMALL_IMAGES);
const file = (path: string) => ({ path, sha256: sha256(Buffer.from(path)) });
const seenFile = (sent: typeof known.kernel) => (sent === null ? null : { path: '/k', sha256: sent.sha256 });

const AS_PREDICTED: SeenLaunch = {
  ...{ vcpus: known.launch.vcpus, cpu: null, kernelHashes: true, append, firmware: null, firmwareDescriptor: null },
  ...{ kernel: seenFile(known.kernel), initrd: seenFile(known.initrd) },
};

const told = (seen: Partial<SeenLaunch>, of = known) =>
  seenDifferences(of, { ...AS_PREDICTED, ...seen }).map(({ cause, change: { input } }) => `${cause} ${input}`);

test('a launch that is as it was predicted differs in nothing', () => {
  expect(told({})).toEqual([]);
});

test('a file that is there and could not be hashed on the host proves nothing', () => {
  expect(told({ kernel: undefined, initrd: undefined })).toEqual([]);
  expect(told({ kernel: null, initrd: null })).toEqual(['kernel-hashes-off kernelHashes']);
  expect(told({ initrd: null })).toEqual(['initrd-absent initrd']);
});

test('what is not measured on the host is no difference', () => {
  const seen = { kernelHashes: false, kernel: file('/other'), append: 'other' };
  expect(told(seen)).toEqual(['kernel-hashes-off kernelHashes']);
});

test('a kernel that was not predicted is one difference, with which its hashes are measured', () => {
  const without = {
    ...known,
    kernel: null,
    initrd: null,
    append: null,
    launch: { ...known.launch, kernelHashes: null },
  };
  const seen = { ...AS_PREDICTED, kernel: file('/vmlinuz'), initrd: null, append: null };
  const differences = seenDifferences(without, seen);
  expect(differences.map(({ cause }) => cause)).toEqual(['kernel-not-predicted']);
  expect(knownAsSeen(without, differences).launch.kernelHashes?.kernel).toEqual(seen.kernel.sha256);
});

test('count, type and firmware that were seen are told with what the launch becomes of them', () => {
  const { launch } = known;
  expect(told({ vcpus: null, cpu: { value: 'host', signature: null }, firmware: null })).toEqual([]);
  expect(told({ vcpus: 511 })).toEqual(['vcpu-count vcpus']);
  expect(told({ cpu: { value: 'EPYC-v4', signature: launch.vcpuSignature } })).toEqual([]);
  expect(told({ cpu: { value: 'EPYC-Turin', signature: 0x00b00f00 } })).toEqual(['vcpu-type vcpuType']);
  expect(told({ cpu: { value: 'host', signature: 0x00a70f52 } })).toEqual(['vcpu-signature vcpuType']);
  const sha = launch.firmware.sha256 ?? '';
  const firmware = (hex: string) => ({ path: '/fw', sha256: Buffer.from(hex, 'hex') });
  expect(told({ firmware: firmware(sha) })).toEqual([]);
  expect(told({ firmware: firmware('12'.repeat(32)) })).toEqual(['other-firmware firmware']);
  const unknown = { ...known, launch: { ...launch, firmware: { ...launch.firmware, sha256: null } } };
  expect(told({ firmware: firmware('12'.repeat(32)) }, unknown)).toEqual([]);
  const [difference] = seenDifferences(known, { ...AS_PREDICTED, firmware: firmware('12'.repeat(32)) });
  expect(difference?.change.to).toBe('/fw (sha256 1212121212121212...)');
  expect(difference?.set).toBeNull();
});

test('command line, kernel and initrd that were seen are each told by what they are', () => {
  expect(told({ append: `${append} ` })).toEqual(['cmdline-spaces cmdline']);
  expect(told({ append: null })).toEqual(['cmdline-absent cmdline']);
  expect(told({ append: 'something=else' })).toEqual(['cmdline-tokens cmdline']);
  expect(told({ kernel: file('/other') })).toEqual(['other-kernel kernel']);
  expect(told({ initrd: file('/other') })).toEqual(['other-initrd initrd']);
  expect(told({ initrd: { path: '/empty', sha256: sha256(new Uint8Array(0)) } })).toEqual(['initrd-absent initrd']);
  expect(told({ initrd: file('/other') }, { ...known, initrd: null })).toEqual(['initrd-not-predicted initrd']);
  expect(told({ kernelHashes: null, append: null })).toEqual(['cmdline-absent cmdline']);
  const off = { ...known, launch: { ...known.launch, kernelHashes: null } };
  expect(told({}, off)).toEqual(['kernel-hashes-on kernelHashes']);
  expect(told({ kernelHashes: null, append: null }, off)).toEqual([]);
});

test('the launch as it was seen has all that was seen, and the rest as it was predicted', () => {
  const seen = { ...AS_PREDICTED, vcpus: 33, append: 'quiet', kernel: file('/other') };
  const as = knownAsSeen(known, seenDifferences(known, seen));
  expect([as.launch.vcpus, as.append, as.launch.kernelHashes?.kernel]).toEqual([33, 'quiet', seen.kernel.sha256]);
  expect(as.launch.kernelHashes?.initrd).toEqual(known.launch.kernelHashes?.initrd);
  expect(as.launch.vcpuSignature).toBe(known.launch.vcpuSignature);
  expect(knownAsSeen(known, []).launch).toEqual(known.launch);
});
