import { writeFile } from 'node:fs/promises';
import { writeFirmwareDescriptor } from '../../lib/evidence/written-descriptor.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import type { LaunchInputs } from '../../lib/measure/inputs.ts';
import { kernelHashesOf } from '../../lib/measure/kernel-hashes.ts';
import { predict } from '../../lib/measure/predict.ts';
import { predictSev, predictSevEs } from '../../lib/measure/sev.ts';
import { predictSvsm } from '../../lib/measure/svsm.ts';
import { VMM_PROFILES, vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import type { CliRun } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage, GUID, METADATA_FROM_END, u32 } from '../support/firmware-image.ts';
import { expect, test } from '../support/test.ts';

const IMAGE = firmwareImage();
const SVSM = firmwareImage({
  entries: [
    ['a789a612-0597-4c4b-a49f-cbb1fe9d1ddd', u32(0x10)],
    [GUID.metadata, u32(METADATA_FROM_END)],
  ],
  sections: [[0, 0x1000, 1]],
});
const VCPUS = ['--vcpus', '2', '--vcpu-type', 'EPYC-v4'] as const;
const INPUTS: LaunchInputs = {
  firmware: describeFirmware(IMAGE),
  kernelHashes: null,
  vcpus: 2,
  vcpuSignature: 0x800f12,
  guestFeatures: 1n,
  profile: vmmProfileOf('qemu-init2'),
};
const HASHES = kernelHashesOf({ kernel: Buffer.from('abc'), initrd: Buffer.from('abc'), append: 'quiet' });
// Source: FIPS 180-4, SHA-256 of `abc`.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const QUIET = hexOf(HASHES.cmdline);
const digestOf = (changes: Partial<LaunchInputs>): string => hexOf(predict({ ...INPUTS, ...changes }).launchDigest);

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const path = test.info().outputPath(name);
  await writeFile(path, content);
  return path;
}

async function predicted(args: readonly string[]): Promise<CliRun> {
  return runHere(['predict', '--ovmf', await written('ovmf.fd', IMAGE), ...args]);
}

test('each way to name VMM, features, vCPU and hashes reaches the prediction', async () => {
  const zeros = new Uint8Array(48);
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--vcpus', '2', '--vmm', 'ec2'], digestOf({ profile: vmmProfileOf('ec2-2026-04') })],
    [['--vcpus', '2', '--vmm', 'gce'], digestOf({ profile: vmmProfileOf('gce') })],
    [
      ['--vcpus', '2', '--vmm-profile', 'ec2-before-2026-04'],
      digestOf({ profile: vmmProfileOf('ec2-before-2026-04') }),
    ],
    [[...VCPUS, '--vmm', 'qemu'], digestOf({})],
    [
      [...VCPUS, '--vmsa-address-bits', '52'],
      digestOf({ profile: { ...vmmProfileOf('qemu-init2'), vmsaAddressBits: 52 } }),
    ],
    [[...VCPUS, '--guest-features', 'snpactive+DebugSwap'], digestOf({ guestFeatures: 0x21n })],
    [[...VCPUS, '--guest-features', '0x801', '--allow-reserved-features'], digestOf({ guestFeatures: 0x801n })],
    [['--vcpus', '2', '--vcpu-sig', '0'], digestOf({ vcpuSignature: 0 })],
    [
      ['--vcpus', '2', '--vcpu-family', '25', '--vcpu-model', '17', '--vcpu-stepping', '1'],
      digestOf({ vcpuSignature: 0xa10f11 }),
    ],
    [['--vcpus', '2', '--vcpu-type', 'EPYC-v4,model=0x31,stepping=0'], digestOf({ vcpuSignature: 0x830f10 })],
    [['--vcpus', '2', '--vcpu-type', 'max', '--vcpu-sig', '0x800f12'], digestOf({})],
    [
      [...VCPUS, '--kernel-sha256', ABC, '--initrd-sha256', ABC.toUpperCase(), '--cmdline-sha256', QUIET],
      digestOf({ kernelHashes: HASHES }),
    ],
    [
      [...VCPUS, '--kernel-sha256', ABC, '--initrd-sha256', ABC, '--append', 'quiet'],
      digestOf({ kernelHashes: HASHES }),
    ],
    [[...VCPUS, '--ovmf-hash', hexOf(zeros)], digestOf({ firmware: { ...INPUTS.firmware, pagesDigest: zeros } })],
  ];
  for (const [args, digest] of cases) {
    expect(await predicted(args), args.join(' ')).toEqual({ exitCode: 0, stdout: `${digest}\n`, stderr: '' });
  }
});

test('what is computed and hardly meant is said: a kernel where none is taken, features that are not measured', async () => {
  const gce = await predicted(['--vcpus', '2', '--vmm', 'gce', '--kernel-sha256', ABC]);
  expect(gce).toMatchObject({
    exitCode: 0,
    stderr: expect.stringMatching(/^warning: --kernel-sha256.* gce: no guest/),
  });
  const svsm = ['--mode', 'svsm', '--svsm', await written('svsm.bin', SVSM), '--vars-size', '0', ...VCPUS];
  const features = ['--vmm-profile', 'svsm-as-sev-snp-measure', '--guest-features'];
  const ignored = await predicted([...svsm, ...features, '0x21']);
  expect(ignored.stderr).toMatch(
    /^warning: --guest-features 0x21 \(SNPActive, DebugSwap\) has no effect: .* 0x1 \(SNP/,
  );
  expect(await predicted([...svsm, ...features, '0x1'])).toEqual({ ...ignored, stderr: '' });
});

test('--mode snp-ovmf-hash prints what --ovmf-hash takes', async () => {
  const descriptor = await written('fd.json', JSON.stringify(writeFirmwareDescriptor(INPUTS.firmware)));
  const described = await runHere(['predict', '--mode', 'snp-ovmf-hash', '--firmware-descriptor', descriptor]);
  expect(described.stdout).toBe(`${hexOf(INPUTS.firmware.pagesDigest)}\n`);
  const hash = (await predicted(['--mode', 'snp-ovmf-hash'])).stdout.trim();
  expect(hash).toBe(hexOf(INPUTS.firmware.pagesDigest));
  expect((await predicted([...VCPUS, '--ovmf-hash', hash])).stdout).toBe(`${digestOf({})}\n`);
});

test('--mode sev and sev-es print 64 hex digits, with features 0 unless asked for', async () => {
  const sev = await predicted(['--mode', 'sev', '--kernel-sha256', ABC, '--initrd-sha256', ABC, '--append', 'quiet']);
  expect(sev.stdout).toBe(`${hexOf(predictSev({ image: IMAGE, kernelHashes: HASHES }))}\n`);
  const plain = { ...INPUTS, image: IMAGE, guestFeatures: 0n };
  expect((await predicted(['--mode', 'sev-es', ...VCPUS])).stdout).toBe(`${hexOf(predictSevEs(plain))}\n`);
  const old = await predicted(['--mode', 'sev-es', ...VCPUS, '--no-fpu-state', '--guest-features', 'DebugSwap']);
  const changed = { ...plain, guestFeatures: 0x20n, profile: vmmProfileOf('qemu-pre-init2') };
  expect(old.stdout).toBe(`${hexOf(predictSevEs(changed))}\n`);
});

test('--mode svsm takes the variables as size or as file, and has profiles of its own', async () => {
  const svsm = await written('svsm.bin', SVSM);
  const args = ['--mode', 'svsm', '--svsm', svsm, ...VCPUS];
  const inputs = { ...INPUTS, firmware: IMAGE, svsm: SVSM, varsBytes: 8192, profile: vmmProfileOf('svsm-init2') };
  const digest = hexOf(predictSvsm(inputs));
  expect((await predicted([...args, '--vars-size', '8192'])).stdout).toBe(`${digest}\n`);
  const vars = await written('vars.fd', new Uint8Array(8192));
  expect((await predicted([...args, '--vars-file', vars])).stdout).toBe(`${digest}\n`);
  const old = hexOf(predictSvsm({ ...inputs, profile: vmmProfileOf('svsm-pre-init2') }));
  expect((await predicted([...args, '--vars-file', vars, '--no-fpu-state'])).stdout).toBe(`${old}\n`);
  const short = await written('short.bin', new Uint8Array(4095));
  const wrong = await predicted(['--mode', 'svsm', '--svsm', short, ...VCPUS, '--vars-size', '0']);
  expect(wrong.stderr).toMatch(/^snp-conform: SVSM_INVALID: .* \([^,()]*short\.bin\)\n/);
  const rows = await predicted([...args, '--vars-file', vars, '--ledger']);
  expect(rows.stdout.trimEnd().split('\n').at(-1)).toMatch(new RegExp(`vCPU 1 +${digest}$`));
  const json: unknown = JSON.parse((await predicted([...args, '--vars-file', vars, '--json'])).stdout);
  expect(json).toMatchObject({
    mode: 'svsm',
    digest,
    inputs: { varsBytes: 8192, vmmProfile: 'svsm-init2', svsm: { sizeBytes: 8192 } },
  });
});

test('--output base64 is the bytes of the digest, --output json is --json', async () => {
  const base64 = await predicted([...VCPUS, '--output', 'base64']);
  expect(hexOf(Buffer.from(base64.stdout, 'base64'))).toBe(digestOf({}));
  const json = await predicted([...VCPUS, '--output', 'json']);
  expect(json).toEqual(await predicted([...VCPUS, '--json']));
  for (const [args, digest] of [
    [['--mode', 'sev'], predictSev({ image: IMAGE, kernelHashes: null })],
    [['--mode', 'sev-es', ...VCPUS], predictSevEs({ ...INPUTS, image: IMAGE, guestFeatures: 0n })],
    [['--mode', 'snp-ovmf-hash'], INPUTS.firmware.pagesDigest],
  ] as const) {
    const written: unknown = JSON.parse((await predicted([...args, '--json'])).stdout);
    expect(written).toMatchObject({ mode: args[1], digest: hexOf(digest) });
  }
});

test('profiles prints a line for each profile, and all of each as JSON', async () => {
  const text = await runHere(['profiles']);
  const json: unknown = JSON.parse((await runHere(['profiles', '--json'])).stdout);
  for (const { name, meaning, source } of VMM_PROFILES) {
    expect(text.stdout).toMatch(new RegExp(`^${name} +(?:20|-)`, 'm'));
    expect(text.stdout).toContain(`${name}: ${meaning}\n`);
    expect(text.stdout).toContain(`source: ${source}\n`);
  }
  expect(Math.max(...text.stdout.split('\n').map((line) => line.length))).toBeLessThan(140);
  expect(json).toHaveLength(VMM_PROFILES.length);
  expect(json).toHaveProperty('[3].rdx', '0x600');
  expect(json).toHaveProperty('[5].sectionPageTypes.SEC_MEM', 'UNMEASURED');
});

/** Wrong command lines, all with a firmware image, and what the answer must say. */
const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [
    ['--mode', 'snp:svsm'],
    /USAGE: .*'snp:svsm' is invalid\. Allowed choices are snp, snp-ovmf-hash, svsm, sev, sev-es/,
  ],
  [
    ['--mode', 'sev', '--vcpus', '2'],
    /USAGE: --vcpus does not go with --mode sev .*\n.*goes with --mode snp, svsm, sev-es/,
  ],
  [['--mode', 'sev', '--no-fpu-state'], /USAGE: --no-fpu-state does not go with --mode sev /],
  [['--mode', 'sev-es', ...VCPUS, '--ovmf-hash', '00'.repeat(48)], /USAGE: --ovmf-hash does not go with --mode sev-es/],
  [['--mode', 'sev-es', ...VCPUS, '--vmsa-address-bits', '52'], /USAGE: --vmsa-address-bits does not go with/],
  [['--mode', 'sev-es', ...VCPUS, '--ledger'], /USAGE: --ledger does not go with --mode sev-es/],
  [['--mode', 'sev-es', ...VCPUS, '--guest-features', '0x1'], /GUEST_FEATURES_INVALID: .*no SEV-ES guest/],
  [['--mode', 'sev-es'], /USAGE: no vCPU count is given/],
  [['--mode', 'snp-ovmf-hash', '--kernel', 'k'], /USAGE: --kernel does not go with --mode snp-ovmf-hash/],
  [['--mode', 'svsm', ...VCPUS], /USAGE: no SVSM is given/],
  [['--mode', 'svsm', ...VCPUS, '--svsm', 'x'], /USAGE: the size of the UEFI variables is not given/],
  [
    ['--mode', 'svsm', '--vars-size', '1', '--vars-file', 'x'],
    /USAGE: option '--vars-size .*cannot be used with option/,
  ],
  [['--mode', 'svsm', ...VCPUS, '--vmm', 'gce'], /VMM_PROFILE_UNKNOWN: no profile of gce starts a guest in an SVSM/],
  [['--mode', 'svsm', ...VCPUS, '--kernel', 'k'], /USAGE: --kernel does not go with --mode svsm/],
  [[...VCPUS, '--svsm', 'x'], /USAGE: --svsm does not go with --mode snp .*\n.*it goes with --mode svsm;/],
  [
    [...VCPUS, '--ovmf-hash', 'abc'],
    /DIGEST_INVALID: "abc" is neither hex nor base64: 3 hex digits, an odd number \(--ovmf-hash\)/,
  ],
  [
    [...VCPUS, '--ovmf-hash', `0x${'0'.repeat(94)}`],
    /DIGEST_INVALID: expected a launch digest of 48 bytes, got 47 \(read as 0x hex\)/,
  ],
  [[...VCPUS, '--kernel-sha256', ABC.slice(2)], /HEX_INVALID: expected 64 hex digits .*got 62 \(--kernel-sha256\)/],
  [[...VCPUS, '--kernel', 'k', '--kernel-sha256', ABC], /USAGE: option '--kernel <file>' cannot be used with option/],
  [[...VCPUS, '--initrd', 'i', '--initrd-sha256', ABC], /USAGE: option '--initrd <file>' cannot be used with option/],
  [[...VCPUS, '--append', '', '--cmdline-sha256', ABC], /USAGE: option '--append <text>' cannot be used with option/],
  [[...VCPUS, '--initrd-sha256', ABC], /USAGE: --initrd-sha256 is given without --kernel/],
  [[...VCPUS, '--cmdline-sha256', ABC], /USAGE: --cmdline-sha256 is given without --kernel/],
  [[...VCPUS, '--vmm', 'hyperv'], /USAGE: .*Allowed choices are qemu, ec2, gce, krun/],
  [
    [...VCPUS, '--vmm', 'ec2', '--vmm-profile', 'ec2-2026-04'],
    /USAGE: option '--vmm <name>' cannot be used with option/,
  ],
  [[...VCPUS, '--vmm-profile', 'ec2'], /VMM_PROFILE_UNKNOWN: unknown VMM profile "ec2"/],
  [
    [...VCPUS, '--vmm-profile', 'svsm-init2'],
    /VMM_PROFILE_UNKNOWN: VMM profile svsm-init2 is of guests that start in an SVSM/,
  ],
  [[...VCPUS, '--vmm', 'ec2', '--no-fpu-state'], /USAGE: --no-fpu-state does not go with --vmm /],
  [[...VCPUS, '--vmm-profile', 'qemu-init2', '--no-fpu-state'], /USAGE: --no-fpu-state does not go with --vmm-profile/],
  [[...VCPUS, '--vmsa-address-bits', '50'], /USAGE: --vmsa-address-bits is "50".*\n.*48, 51, 52/],
  [
    [...VCPUS, '--guest-features', '0x801'],
    /GUEST_FEATURES_INVALID: .*bit 11 is reserved\n.*--allow-reserved-features/,
  ],
  [[...VCPUS, '--guest-features', '0x30001'], /GUEST_FEATURES_INVALID: .*looks like a guest policy/],
  [
    [...VCPUS, '--guest-features', '0x30000', '--allow-reserved-features'],
    /GUEST_FEATURES_INVALID: .*looks like a guest policy/,
  ],
  [['--vcpus', '2', '--vcpu-family', '25'], /USAGE: a vCPU needs family, model and stepping/],
  [['--vcpus', '2', '--vcpu-model', '1', '--vcpu-stepping', '1'], /USAGE: a vCPU needs family, model and stepping/],
  [['--vcpus', '2', '--vcpu-sig', '1', '--vcpu-model', '1'], /USAGE: option '--vcpu-sig .*cannot be used with option/],
  [
    ['--vcpus', '2', '--vcpu-family', '999', '--vcpu-model', '1', '--vcpu-stepping', '1'],
    /NUMBER_INVALID: expected a vCPU family from 0 to 270, got 999/,
  ],
  [['--vcpus', '2', '--vcpu-type', 'max'], /VCPU_TYPE_UNKNOWN: .*depends on the processor of the host/],
  [['--vcpus', '2'], /USAGE: no vCPU type is given/],
  [[...VCPUS, '--output', 'binary'], /USAGE: .*Allowed choices are hex, base64, json/],
  [[...VCPUS, '--output', 'rvps'], /USAGE: --output rvps goes with --matrix/],
  [[...VCPUS, '--expires', '2030-01-01T00:00:00Z'], /USAGE: --expires goes with --matrix/],
  [[...VCPUS, '--expires', '2030-02-30T00:00:00Z'], /USAGE: --expires is "2030-02-30T00:00:00Z"/],
  [[...VCPUS, '--mode', 'snp-ovmf-hash', '--dump-vmsa', 'x'], /USAGE: .*does not go with --mode snp-ovmf-hash/],
  [[...VCPUS, '--json', '--output', 'hex'], /USAGE: option '--json' cannot be used with option/],
  [[...VCPUS, '--ledger', '--output', 'base64'], /USAGE: --ledger does not go with --output base64/],
  [['--matrix', 'm.json'], /USAGE: --matrix goes without --ovmf/],
];
for (const [args, answer] of WRONG) {
  test(`${args.join(' ').slice(0, 120)} is answered with exit code 2, one message and a hint`, async () => {
    const run = await predicted(args);
    expect(run.stderr).toMatch(answer);
    expect(run.stderr).toMatch(/^snp-conform: /);
    expect(run.stderr).toMatch(/\n {2}hint: /);
    expect(run.stderr).not.toMatch(/\n +at /);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  });
}

test('without firmware an --ovmf-hash, and beside a matrix an --output, is refused', async () => {
  const hash = ['--ovmf-hash', '00'.repeat(48)];
  expect((await runHere(['predict', ...VCPUS, ...hash])).stderr).toMatch(
    /USAGE: --ovmf-hash is given without a firmware/,
  );
  expect((await runHere(['predict', '--mode', 'sev'])).stderr).toMatch(/USAGE: no firmware is given.*\n.*--ovmf/);
  const beside = await runHere(['predict', '--matrix', 'm.json', '--output', 'hex']);
  expect(beside.stderr).toMatch(/USAGE: --matrix does not go with --output hex .*\n.*json, csv or rvps/);
  expect((await runHere(['predict', '--matrix', 'm.json', '--ledger'])).stderr).toMatch(
    /--matrix goes without --ledger/,
  );
});
