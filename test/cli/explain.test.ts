import { mkdir, writeFile } from 'node:fs/promises';
import { runCli } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

test.beforeAll(async () => {
  await mkdir(inFolder('at-hand', 'deeper'), { recursive: true });
  const other = Buffer.from(firmwareImage());
  other.fill(0x55, 0, 16);
  await writeFile(inFolder('OVMF.fd'), firmwareImage());
  await writeFile(inFolder('at-hand', 'deeper', 'other.fd'), other);
  await writeFile(inFolder('vmlinuz'), 'a kernel');
});

const base = (): string[] => ['--ovmf', inFolder('OVMF.fd'), '--vcpus', '2', '--vcpu-type', 'EPYC-v4'];

async function digestOf(args: readonly string[]): Promise<string> {
  return (await runHere(['predict', ...base(), ...args])).stdout.trim();
}

/** In this process, where a search has no workers. */
const explain = (args: readonly string[]) => runHere(['explain', ...args]);

test('an explained difference is told with its cause, what was ruled out and how to confirm it, and exit code 0', async () => {
  const observed = await digestOf(['--guest-features', '0x21']);
  const { exitCode, stdout, stderr } = await runCli(['explain', '--observed', observed, ...base()]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const places = [
    /^match, .* \(debug-swap\):\n {2}the host measured guest features 0x21 \(SNPActive\+DebugSwap\); the prediction used guest features 0x1/,
    /Predict with --guest-features 0x21, or set kvm_amd.debug_swap=0/,
    new RegExp(`observed {2}${observed}`),
    /Ruled out: /,
    /To confirm:\n {2}on the host: uname -r/,
  ].map((part) => stdout.search(part));
  expect(places).toEqual([...places].sort((left, right) => left - right));
  expect(places.every((place) => place >= 0)).toBe(true);
});

test('--json has the documented shape and nothing else', async () => {
  const observed = await digestOf(['--guest-features', '0x21', '--vcpus', '3']);
  const { exitCode, stdout } = await explain(['--observed', `0x${observed}`, ...base(), '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    explained: true,
    explanations: [
      {
        changes: [
          { input: 'guestFeatures', from: '0x1', to: '0x21' },
          { input: 'vcpus', from: '2', to: '3' },
        ],
        kind: 'match',
        cause: 'debug-swap',
        advice: expect.stringContaining('--guest-features 0x21'),
      },
    ],
    tried: expect.any(Number),
    exhausted: true,
    seconds: expect.any(Number),
  });
});

test('a digest that nothing gives is not explained: exit code 1, within its time, with what was tried and what was not', async () => {
  const args = ['--observed', 'ab'.repeat(48), ...base(), '--time-limit', '1'];
  const { exitCode, stdout } = await explain(args);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^Not explained/);
  expect(stdout).toMatch(/Tried: [\d,]+ hypotheses in/);
  expect(stdout).toMatch(/one change: /);
  expect(stdout).toMatch(/three changes at once: [\d,]+ of [\d,]+; not or not wholly tried: /);
  const json = JSON.parse((await explain([...args, '--json'])).stdout) as object;
  expect(json).toMatchObject({ explained: false, explanations: [], exhausted: false });
});

test('equal digests are said to be equal', async () => {
  const { exitCode, stdout } = await explain(['--observed', await digestOf([]), ...base()]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^The digests are equal/);
});

test('other files are looked for in the folders of --artifacts, and named by their path', async () => {
  const other = inFolder('at-hand', 'deeper', 'other.fd');
  const observed = await digestOf(['--ovmf', other]);
  const args = ['--observed', observed, ...base(), '--json'];
  expect((await explain([...args, '--time-limit', '1'])).exitCode).toBe(1);
  const { stdout } = await explain([...args, '--artifacts', inFolder('at-hand')]);
  expect(JSON.parse(stdout)).toMatchObject({
    explanations: [{ changes: [{ input: 'firmware', from: inFolder('OVMF.fd'), to: other }], cause: 'other-firmware' }],
  });
});

/** A command line of QEMU, with an ID block for some digest where one is given. */
async function writtenArgv(name: string, idBlockDigest: string | null, vcpus: number): Promise<string> {
  const idBlock = Buffer.alloc(96);
  if (idBlockDigest !== null) idBlock.set(Buffer.from(idBlockDigest, 'hex'));
  const identity = idBlockDigest === null ? '' : `,id-block=${idBlock.toString('base64')}`;
  const object = `sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1${identity}`;
  const words = [
    ...['qemu-system-x86_64', '-machine', 'q35,confidential-guest-support=sev0', '-object', object],
    ...['-cpu', 'EPYC-v4', '-smp', String(vcpus), '-bios', inFolder('OVMF.fd')],
  ];
  await writeFile(inFolder(name), JSON.stringify(words));
  return inFolder(name);
}

test('a launch whose ID block expects another digest is explained from its command line alone', async () => {
  const file = await writtenArgv('launch.json', await digestOf(['--vcpus', '4']), 2);
  const { exitCode, stdout } = await explain(['--from-argv', file, '--json']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    explanations: [{ changes: [{ input: 'vcpus', from: '2', to: '4' }], kind: 'match' }],
  });
  expect((await explain(['--from-argv', file])).stdout).toMatch(
    /the expected digest was made with 4 vCPUs; the launch has 2 vCPUs\. .*Launch with 4 vCPUs, or have the digest made for 2 vCPUs\.\n/,
  );
});

test('without a digest to explain, or with a mode that is not searched, the command line is wrong', async () => {
  expect(await explain(base())).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/no digest is given/),
  });
  const file = await writtenArgv('plain.json', null, 2);
  expect(await explain(['--from-argv', file])).toMatchObject({ exitCode: 2 });
  const sev = ['--observed', 'ab'.repeat(32), '--mode', 'sev', '--ovmf', inFolder('OVMF.fd')];
  expect(await explain(sev)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/--mode sev/) });
  expect(await explain(['--observed', 'nonsense', ...base()])).toMatchObject({ exitCode: 2 });
});

test('evidence that was kept is explained by cause and cells; what a scenario launched otherwise on purpose is none of it', async () => {
  const recording = (name: string) => projectPath('fixtures', 'recordings', `${name}.emulated.jsonl.gz`);
  const founding = await explain(['--evidence', recording('founding-case')]);
  expect(founding).toMatchObject({ exitCode: 0, stderr: '' });
  expect(founding.stdout).toMatch(
    /why \(proof, debug-swap\): the host measured guest features 0x21[\s\S]*\n1 cell:\n {2}demo /,
  );
  const scenarios = await explain(['--evidence', recording('negative-suites')]);
  expect(scenarios.stdout).toMatch(/^No launch digest of \d+ cells differs: there is nothing to explain\.\n$/);
});
