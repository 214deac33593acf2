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
