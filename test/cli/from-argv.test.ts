import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { buildIdBlock } from '../../lib/identity/id-block.ts';
import type { CliRun } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { launchDigestRows, vectorsAbsent, vectorsFolder, vectorsPresent } from '../support/vectors.ts';

const OBJECT = 'sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1';
const MACHINE = ['-accel', 'kvm', '-machine', 'q35,confidential-guest-support=sev0'];

/** Writes a file of the test and gives its path. */
async function written(name: string, content: string | Uint8Array): Promise<string> {
  const path = test.info().outputPath(name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function fromArgv(words: readonly string[], args: readonly string[] = []): Promise<CliRun> {
  return runHere([
    'predict',
    '--from-argv',
    await written('argv.json', JSON.stringify(['qemu-kvm', ...words])),
    ...args,
  ]);
}

test('the published digests come from command lines too', async () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  const rows = launchDigestRows().filter(
    ({ vcpuType, expectedHex, guestFeatures, ovmfHashHex }) =>
      vcpuType?.startsWith('EPYC') && expectedHex !== undefined && guestFeatures !== null && ovmfHashHex === null,
  );
  const chosen = [...rows.filter(({ kernelHex }) => kernelHex !== null).slice(0, 4), ...rows.slice(0, 4)];
  expect(chosen.length).toBeGreaterThan(4);
  for (const row of chosen) {
    const kernel = row.kernelHex === null ? [] : ['-kernel', await written('k.bin', Buffer.from(row.kernelHex, 'hex'))];
    const initrd = row.initrdHex === null ? [] : ['-initrd', await written('i.bin', Buffer.from(row.initrdHex, 'hex'))];
    const append = row.append === null ? [] : ['-append', row.append];
    const object = `${OBJECT},kernel-hashes=${kernel.length > 0 ? 'on' : 'off'}`;
    const words = [
      '-cpu',
      row.vcpuType ?? '',
      '-smp',
      `${row.vcpus},maxcpus=64`,
      '-bios',
      `${vectorsFolder}/${row.ovmf}`,
    ];
    const features = ['--guest-features', row.guestFeatures ?? ''];
    const run = await fromArgv([...MACHINE, ...words, '-object', object, ...kernel, ...initrd, ...append], features);
    expect(run, row.id).toMatchObject({ exitCode: 0, stdout: `${row.expectedHex}\n` });
  }
});

test.describe('predict --from-argv', () => {
  /** A good command line, and the same as options of `predict`. */
  async function good(): Promise<{ words: string[]; options: string[] }> {
    const ovmf = await written('ovmf.fd', firmwareImage());
    const kernel = await written('k', 'kernel');
    const words = ['-cpu', 'EPYC-v4', '-smp', '2', '-bios', ovmf, '-kernel', kernel, '-append', 'a  b'];
    const options = ['--vcpus', '2', '--vcpu-type', 'EPYC-v4', '--ovmf', ovmf, '--kernel', kernel, '--append', 'a  b'];
    return { words: [...MACHINE, '-object', `${OBJECT},kernel-hashes=on`, ...words], options };
  }

  test('prints the digest alone, as predict does with the same inputs', async () => {
    const { words, options } = await good();
    const { stdout } = await runHere(['predict', ...options]);
    expect(stdout).toMatch(/^[0-9a-f]{96}\n$/);
    expect((await fromArgv(words)).stdout).toBe(stdout);
    for (const change of [['--guest-features', '0x21'], ['--vcpu-sig', '0xa00f11'], ['--no-fpu-state'], ['--ledger']]) {
      const changed = await runHere(['predict', ...options, ...change]);
      expect((await fromArgv(words, change)).stdout, change.join(' ')).toBe(changed.stdout);
      expect(changed.stdout).not.toBe(stdout);
    }
  });

  test('reads standard input, NUL-separated', async () => {
    const { words, options } = await good();
    const child = spawn(process.execPath, [projectPath('bin', 'snp-conform'), 'predict', '--from-argv', '-']);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stdin.end(`${['qemu-kvm', ...words].join('\0')}\0`);
    await new Promise((resolve) => child.once('close', resolve));
    expect(Buffer.concat(chunks).toString()).toBe((await runHere(['predict', ...options])).stdout);
  });

  test('prints digest, inputs and findings as JSON', async () => {
    const { words } = await good();
    const { stdout } = await fromArgv(words, ['--json']);
    const plain = await fromArgv(words);
    expect(JSON.parse(stdout)).toMatchObject({
      digest: plain.stdout.trim(),
      inputs: { vcpus: 2, vcpuSignature: '0x00800f12', guestFeatures: '0x1', vmmProfile: 'qemu-init2' },
      findings: [
        // The made-up files are too small for QEMU.
        { id: 'firmware-size', severity: 'warning' },
        { id: 'kernel-no-bzimage', severity: 'warning' },
        ...['measured', 'measured', 'measured', 'measured', 'measured-of-host', 'policy'].map((id) => ({ id })),
      ],
    });
    expect(plain.stderr).toMatch(/^info: measured: firmware: -bios ".*ovmf\.fd" \[measured\]$/m);
    expect(plain.stderr).toMatch(/^info: measured: kernel hashes: -kernel ".*k", no initrd, -append "a {2}b"/m);
    expect(plain.stderr).toMatch(/^info: measured: 2 VMSAs: -smp/m);
    expect(plain.stderr).toMatch(/^info: measured: vCPU signature 0x00800f12: -cpu "EPYC-v4"/m);
  });

  test('tells every error and prints no digest, or one where errors are to be ignored', async () => {
    const { words, options } = await good();
    const wrong = [...words, '-machine', 'smm=on', '-object', 'sev-guest,id=sev1', '-pflash', 'x.fd'];
    const run = await fromArgv(wrong);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/^error: .*\[smm-on\]$/m);
    expect(run.stderr).toMatch(/^error: .*\[pflash\]$/m);
    expect(run.stderr).toMatch(/LAUNCH_OPTIONS_WRONG: 2 errors/);
    const json = JSON.parse((await fromArgv(wrong, ['--json'])).stdout) as { findings: { severity: string }[] };
    expect(json).toMatchObject({ digest: null, inputs: null });
    expect(json.findings.filter(({ severity }) => severity !== 'info')).toHaveLength(2);
    const ignored = await fromArgv(wrong, ['--ignore-findings']);
    expect(ignored).toMatchObject({ exitCode: 0, stdout: (await runHere(['predict', ...options])).stdout });
  });

  test('a file that is not there is told with its option; another may stand for it', async () => {
    const { words, options } = await good();
    const there = options[7] ?? '';
    const moved = words.map((word) => (word === there ? '/vm/kernel' : word));
    const run = await fromArgv(moved);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(
      /FILE_UNREADABLE: .*no such file \(-kernel \/vm\/kernel\)\n {2}hint: .*--kernel.*--root/,
    );
    const digest = (await runHere(['predict', ...options])).stdout;
    expect((await fromArgv(moved, ['--kernel', there])).stdout).toBe(digest);
    await written('root/vm/kernel', 'kernel');
    const rooted = ['--root', test.info().outputPath('root'), '--ovmf', options[5] ?? ''];
    expect((await fromArgv(moved, rooted)).stdout).toBe(digest);
  });

  test('what is found is told even where a file turns out to be wrong', async () => {
    const { words } = await good();
    const cut = await written('cut.fd', firmwareImage().subarray(1));
    const run = await fromArgv([...words, '-shim', 's'], ['--ovmf', cut]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(/^warning: .*\[shim\]$.*OVMF_SIZE: /ms);
  });

  test('hashes may stand for the files and the command line of the launch', async () => {
    const { words, options } = await good();
    const kernel = createHash('sha256').update('kernel').digest('hex');
    const cmdline = createHash('sha256').update('a  b\0').digest('hex');
    const elsewhere = words.map((word) => (word.endsWith('/k') ? '/boot/vmlinuz' : word));
    const hashes = ['--kernel-sha256', kernel, '--cmdline-sha256', cmdline];
    expect((await fromArgv(elsewhere, hashes)).stdout).toBe((await runHere(['predict', ...options])).stdout);
    const stray = await fromArgv(elsewhere, ['--initrd-sha256', kernel]);
    expect(stray.stderr).toMatch(/USAGE: --initrd-sha256 is given, but the launch has no -initrd/);
  });

  test('an ID block of another digest is an error, and the digest is told', async () => {
    const { words } = await good();
    const idBlock = Buffer.from(buildIdBlock({ launchDigest: new Uint8Array(48), policy: 0x30000n })).toString(
      'base64',
    );
    const [digest] = (await fromArgv(words)).stdout.split('\n');
    const run = await fromArgv(
      words.map((word) => (word.startsWith(OBJECT) ? `${word},id-block=${idBlock}` : word)),
      ['--ignore-findings'],
    );
    expect(run).toMatchObject({ exitCode: 0, stdout: `${digest}\n` });
    expect(run.stderr).toContain(
      `the ID block was made for ${'0'.repeat(96)}, predicted is ${digest} [id-block-digest]`,
    );
  });

  test('refuses options that the command line says itself', async () => {
    const { words } = await good();
    expect(await fromArgv(words, ['--vcpus', '2'])).toMatchObject({ exitCode: 2, stdout: '' });
    expect((await fromArgv(words, ['--vmm', 'gce'])).stderr).toMatch(/USAGE: .*VMM profile of gce/);
    expect((await fromArgv(words, ['--initrd', 'i'])).stderr).toMatch(
      /USAGE: --initrd is given, but the launch has no -initrd/,
    );
  });

  test('--from-libvirt predicts the same from a domain', async () => {
    const { options } = await good();
    const xml = `<domain type='kvm'><vcpu current='2'>4</vcpu><os><type machine='q35'>hvm</type>
      <loader type='rom'>${options[5]}</loader><kernel>${options[7]}</kernel><cmdline>a  b</cmdline></os>
      <cpu><model>EPYC-v4</model></cpu>
      <launchSecurity type='sev-snp' kernelHashes='yes'><policy>0x30000</policy></launchSecurity></domain>`;
    const run = await runHere(['predict', '--from-libvirt', await written('domain.xml', xml)]);
    expect(run).toMatchObject({ exitCode: 0, stdout: (await runHere(['predict', ...options])).stdout });
    const broken = await runHere(['predict', '--from-libvirt', await written('domain.xml', '<domain>')]);
    expect(broken).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(/LIBVIRT_INVALID: not XML/),
    });
  });
});
