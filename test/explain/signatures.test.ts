import { otherSignatures, signatureOptions } from '../../lib/explain/signatures.ts';
import { cpuSignature } from '../../lib/measure/vcpu-types.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(1), SMALL_IMAGES);
const usual = signatureOptions(known);

/** CPUID leaf 1 EAX of processors with SNP and of those before them. Source: AMD's revision guides; product reports. */
const SOLD = {
  'EPYC 7001': [0x00800f11, 0x00800f12],
  'EPYC 7002': [0x00830f10],
  'EPYC 7003': [0x00a00f10, 0x00a00f11],
  'EPYC 7003X': [0x00a00f12],
  'EPYC 9004': [0x00a10f10, 0x00a10f11],
  'EPYC 9004X': [0x00a10f12],
  'EPYC 97x4': [0x00aa0f00, 0x00aa0f01, 0x00aa0f02],
  'EPYC 9005': [0x00b00f20, 0x00b00f21],
  'EPYC 9005 dense': [0x00b10f10, 0x00b10f11],
};

test('the signature of every EPYC is thought of in threes, as that of a host or of a model of QEMU', () => {
  for (const [name, signatures] of Object.entries(SOLD)) {
    for (const signature of signatures) {
      const options = usual.filter(({ set, likelihood }) => set.signature === signature && likelihood === 'core');
      expect(options.map(({ cause }) => cause).at(-1), `${name} ${signature.toString(16)}`).toMatch(
        /^(?:host-cpu|vcpu-type)$/,
      );
    }
  }
});

test('every signature that -cpu can say is an option once, and no other is', () => {
  const taken = new Set(usual.map(({ set }) => set.signature ?? 0));
  const { wide, far } = otherSignatures(known, taken);
  // Families 0 to 270, 256 models, 16 steppings: what x86_cpuid_version_set_* of QEMU take.
  expect(taken.size + wide.length + far.length).toBe(271 * 4096);
  const seen = new Set(taken);
  const at = (list: typeof far, index: number): number => list.at(index)?.set.signature ?? -1;
  for (let index = 0; index < wide.length; index += 1) seen.add(at(wide, index));
  expect(seen.size).toBe(taken.size + wide.length);
  let looked = 0;
  for (let index = far.length - 1; index >= 0; index -= 997) {
    looked += 1;
    seen.add(at(far, index));
  }
  expect(seen.size).toBe(taken.size + wide.length + looked);
  expect(at(far, far.length - 1)).toBe(cpuSignature({ family: 270, model: 255, stepping: 15 }));
  expect([wide.at(wide.length), far.at(far.length)]).toEqual([undefined, undefined]);
  expect(wide.at(0)?.change).toMatchObject({ input: 'vcpuSig', to: expect.stringMatching(/^0x00a[0-9a-f]{5}$/) });
});
