import { readFile, writeFile } from 'node:fs/promises';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import type { CliRun } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage, GUID, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage();
const ARGS = ['--vcpus', '2', '--vcpu-type', 'EPYC-v4'] as const;
const INPUTS = {
  firmware: describeFirmware(IMAGE),
  kernelHashes: null,
  vcpus: 2,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('qemu-init2'),
};
const digestOf = (changes: Partial<Parameters<typeof predict>[0]>): string =>
  Buffer.from(predict({ ...INPUTS, ...changes }).launchDigest).toString('hex');

/** Writes a file of the test and gives its path. */
async function written(name: string, content: string | Uint8Array): Promise<string> {
  const path = test.info().outputPath(name);
  await writeFile(path, content);
  return path;
}

async function predicted(args: readonly string[], image: Uint8Array = IMAGE): Promise<CliRun> {
  return runHere(['predict', '--ovmf', await written('ovmf.fd', image), ...args]);
}

test('prints 96 lower-case hex digits, a newline, and nothing else', async () => {
  const run = await predicted(ARGS);
  expect(run).toEqual({ exitCode: 0, stdout: `${digestOf({})}\n`, stderr: '' });
  expect(run.stdout).toMatch(/^[0-9a-f]{96}\n$/);
});

test('each option reaches the prediction', async () => {
  const boot = { kernel: await written('k.bin', 'kernel'), initrd: await written('i.bin', 'initrd') };
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--guest-features', '0x21'], digestOf({ guestFeatures: 0x21n })],
    [['--vcpu-sig', '0xa00f11'], digestOf({ vcpuSignature: 0xa00f11 })],
    [['--vcpu-type', 'EPYC-Milan'], digestOf({ vcpuSignature: 0xa00f11 })],
    [['--vcpu-type', 'host', '--vcpu-sig', '8392466'], digestOf({})],
    [['--vcpus', '4'], digestOf({ vcpus: 4 })],
    [['--no-fpu-state'], digestOf({ profile: vmmProfileOf('qemu-pre-init2') })],
    [
      ['--kernel', boot.kernel],
      digestOf({ kernelHashes: kernelHashesOf({ kernel: Buffer.from('kernel'), initrd: null, append: null }) }),
    ],
    [
      ['--kernel', boot.kernel, '--initrd', boot.initrd, '--append', '-- a  b'],
      digestOf({
        kernelHashes: kernelHashesOf({
          kernel: Buffer.from('kernel'),
          initrd: Buffer.from('initrd'),
          append: '-- a  b',
        }),
      }),
    ],
  ];
  for (const [args, digest] of cases) {
    expect((await predicted([...ARGS, ...args])).stdout, args.join(' ')).toBe(`${digest}\n`);
  }
});

test('a descriptor of the image predicts the same', async () => {
  const image = await written('ovmf.fd', IMAGE);
  const described = await runHere(['firmware', 'describe', image]);
  const descriptor = await written('firmware.json', described.stdout);
  const run = await runHere(['predict', '--firmware-descriptor', descriptor, ...ARGS]);
  expect(run).toEqual({ exitCode: 0, stdout: `${digestOf({})}\n`, stderr: '' });
});

test('--ledger prints one line a page and the launch digest in the last', async () => {
  const { stdout } = await predicted([...ARGS, '--ledger']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^# +page type +gpa +pages +what +launch digest after it$/);
  expect(lines[1]).toMatch(/^1 +NORMAL +0x0000ffffe000 +1 +firmware image +[0-9a-f]{96}$/);
  expect(lines.at(-1)).toBe(`35  VMSA       0xfffffffff000  1      vCPU 1          ${digestOf({})}`);
});

test('--json prints digest, inputs and, with --ledger, the ledger', async () => {
  const plain: unknown = JSON.parse((await predicted([...ARGS, '--json'])).stdout);
  expect(plain).toMatchObject({
    digest: digestOf({}),
    inputs: {
      firmware: { format: 'snp-conform/firmware@1', sizeBytes: 8192 },
      kernelHashes: null,
      vcpus: 2,
      vcpuSignature: '0x00800f12',
      guestFeatures: '0x1',
      vmmProfile: 'qemu-init2',
    },
  });
  expect(plain).not.toHaveProperty('ledger');
  const kernel = await written('k.bin', 'abc');
  const full: unknown = JSON.parse((await predicted([...ARGS, '--json', '--ledger', '--kernel', kernel])).stdout);
  expect(full).toMatchObject({
    inputs: { kernelHashes: { kernel: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' } },
  });
  expect(full).toHaveProperty('ledger[34].what', 'vCPU 1');
  expect(full).toHaveProperty('ledger[0].pageType', 'NORMAL');
});

/** Wrong command lines and what the answer must say. */
const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [['--vcpus', '0'], /VCPU_COUNT: expected 1 to 512 vCPUs, got 0/],
  [['--vcpus', '513'], /VCPU_COUNT: expected 1 to 512 vCPUs, got 513/],
  [['--vcpus', '-1'], /VCPU_COUNT: .*got "-1"/],
  [['--vcpus', '1.5'], /VCPU_COUNT: .*got "1.5"/],
  [['--vcpus', 'abc'], /VCPU_COUNT: .*got "abc"/],
  [['--vcpus', ''], /VCPU_COUNT: .*got ""/],
  [['--vcpus', '0x4'], /VCPU_COUNT: .*got "0x4"/],
  [['--vcpu-type', 'EPYC-Millan'], /VCPU_TYPE_UNKNOWN: .*\n.*did you mean EPYC-Milan/],
  [['--vcpu-type', 'host'], /VCPU_TYPE_UNKNOWN: .*depends on the processor of the host/],
  [['--vcpu-sig', '0x100000000'], /NUMBER_INVALID: expected a number of 32 bits/],
  [['--guest-features', '0x30000'], /GUEST_FEATURES_INVALID: .*looks like a guest policy/],
  [['--guest-features', '0x10000000000000001'], /GUEST_FEATURES_INVALID: .*not a number of 64 bits/],
  [
    ['--guest-features', 'SNPActiv'],
    /GUEST_FEATURES_INVALID: .*there is no feature "SNPActiv"\n.*did you mean SNPActive\?/,
  ],
  [['--guest-policy', '0x30000'], /USAGE: the guest policy is not measured/],
  [['--initrd', 'i.bin'], /USAGE: --initrd is given without --kernel.*\n {2}hint: /],
  [['--append', ''], /USAGE: --append is given without --kernel.*\n {2}hint: /],
  [['--kernel', '/nonexistent'], /FILE_UNREADABLE: cannot read the kernel: there is no such file \(\/nonexistent\)/],
  [['--kernel', '/'], /FILE_UNREADABLE: cannot read the kernel: it is a directory \(\/\)/],
  [['--firmware-descriptor', 'x.json'], /USAGE: option .* cannot be used with/],
  [['--vcpu', '4'], /USAGE: unknown option '--vcpu'/],
];
for (const [args, answer] of WRONG) {
  test(`${args.map((arg) => JSON.stringify(arg)).join(' ')} is answered with exit code 2 and one message`, async () => {
    const run = await predicted([...ARGS, ...args]);
    expect(run.stderr).toMatch(answer);
    expect(run.stderr).toMatch(/^snp-conform: /);
    expect(run.stderr).not.toMatch(/\n +at /);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  });
}

test('missing firmware and missing vCPU type are said, with the option that gives them', async () => {
  expect((await runHere(['predict', ...ARGS])).stderr).toMatch(
    /USAGE: no firmware is given.*\n.*--firmware-descriptor/,
  );
  expect((await predicted(['--vcpus', '1'])).stderr).toMatch(/USAGE: no vCPU type is given.*\n.*--vcpu-sig/);
  expect((await predicted(['--vcpu-type', 'EPYC'])).stderr).toMatch(/USAGE: no vCPU count is given.*\n.*--vcpus/);
});

test('a cut-off image is refused with its path and exit code 2', async () => {
  const run = await predicted(ARGS, IMAGE.subarray(0, 4096));
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toMatch(/OVMF_NO_TABLE: .*ovmf\.fd, footer GUID expected at offset 0xfd0/);
});

test('a kernel on a firmware without a hashes table is refused with exit code 2', async () => {
  const entries = [
    [GUID.resetBlock, u32(0x80b004)],
    [GUID.metadata, u32(METADATA_FROM_END)],
  ] as const;
  const run = await predicted([...ARGS, '--kernel', await written('k.bin', '')], firmwareImage({ entries }));
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain('OVMF_NO_HASHES_TABLE');
});

test('a device without end is refused at its bound', async () => {
  const run = await runHere(['predict', '--ovmf', '/dev/zero', ...ARGS]);
  expect(run.stderr).toMatch(/FILE_UNREADABLE: the firmware image is too large: expected at most 67108864 bytes/);
  expect(run.exitCode).toBe(2);
});

test('firmware describe prints a descriptor and nothing else', async () => {
  const path = await written('ovmf.fd', IMAGE);
  const run = await runHere(['firmware', 'describe', path]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(run.stdout)).toMatchObject({ format: 'snp-conform/firmware@1', resetVector: '0x80b004' });
  expect(await readFile(path)).toEqual(Buffer.from(IMAGE));
  const wrong = await runHere(['firmware', 'describe', await written('empty.fd', '')]);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toMatch(/OVMF_SIZE: .*empty\.fd/);
});
