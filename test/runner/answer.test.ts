import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { knownFromOptions } from '../../lib/cli/known-launch.ts';
import { addLaunchInputOptions, type PredictOptions } from '../../lib/cli/predict-options.ts';
import { answerText } from '../../lib/explain/answer.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import { kernelHashesFrom } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { sha256 } from '../../lib/measure/sha.ts';
import { vcpuSignatureOf } from '../../lib/measure/vcpu-types.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { answerQuestion } from '../../lib/runner/answer.ts';
import { AMDSEV_SECTIONS, firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const SETTINGS = { limitMs: 20_000, cores: 'one' } as const;
const KERNEL = Buffer.from('a kernel shorter than its setup header');

test.beforeAll(() => {
  writeFileSync(inFolder('amdsev.fd'), firmwareImage());
  // As OvmfPkgX64 builds it: there is no section of kernel hashes.
  writeFileSync(inFolder('x64.fd'), firmwareImage({ sections: AMDSEV_SECTIONS.filter(([, , type]) => type !== 0x10) }));
  writeFileSync(inFolder('vmlinuz'), KERNEL);
});

/** A launch that cannot be: the kernel has no place in this firmware. */
async function impossibleLaunch() {
  const words = ['--ovmf', inFolder('x64.fd'), '--kernel', inFolder('vmlinuz'), '--append', 'quiet', '--vcpus', '1'];
  const command = addLaunchInputOptions(new Command().exitOverride());
  const options = command.parse([...words, '--vcpu-type', 'EPYC-v4'], { from: 'user' }).opts<PredictOptions>();
  return knownFromOptions(options, []);
}

test('inputs that nothing can be launched with are explained by what was launched: the other firmware', async () => {
  const { launchDigest: target } = predict({
    firmware: describeFirmware(firmwareImage()),
    kernelHashes: kernelHashesFrom({ kernelSha256: sha256(KERNEL), initrdSha256: null, append: 'quiet' }),
    ...{ vcpus: 1, vcpuSignature: vcpuSignatureOf('EPYC-v4'), guestFeatures: 1n },
    profile: vmmProfileOf('qemu-init2'),
  });
  const { known, image } = await impossibleLaunch();
  const answer = await answerQuestion({ known, image, target, direction: 'observed' }, SETTINGS);
  expect(answer.explanations[0]?.changes).toEqual([
    { input: 'firmware', from: inFolder('x64.fd'), to: inFolder('amdsev.fd') },
  ]);
  expect(answerText(answer)).toContain(
    'predicted nothing: a kernel is given, and the firmware has no place for its hashes',
  );
});

test('where nothing explains it, such inputs are told to be wrong', async () => {
  const { known, image } = await impossibleLaunch();
  const question = { known, image, target: new Uint8Array(48).fill(9), direction: 'observed' } as const;
  await expect(answerQuestion(question, { ...SETTINGS, limitMs: 1 })).rejects.toMatchObject({
    code: 'OVMF_NO_HASHES_TABLE',
  });
});
