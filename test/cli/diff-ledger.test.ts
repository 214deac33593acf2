import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { applicationVmsa, bootVmsa } from '../../lib/measure/vmsa.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();
const VCPUS = ['--vcpus', '2', '--vcpu-type', 'EPYC-v4'] as const;

/** Writes what `predict` prints for the made-up image. */
async function ledgerFile(name: string, args: readonly string[]): Promise<string> {
  await writeFile(path('ovmf.fd'), firmwareImage());
  const run = await runHere(['predict', '--ovmf', path('ovmf.fd'), ...VCPUS, '--ledger', ...args]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  await writeFile(path(name), run.stdout);
  return path(name);
}

test('ledgers that differ are told apart by page, field and value, with exit code 1; a ledger is the same as itself', async () => {
  const one = await ledgerFile('one.json', ['--json']);
  const other = await ledgerFile('other.json', ['--json', '--guest-features', '0x21']);
  const run = await runHere(['diff-ledger', one, other]);
  expect(run).toMatchObject({ exitCode: 1, stderr: '' });
  expect(run.stdout).toMatch(/^page 34, vCPU 0 \(VMSA at 0xfffffffff000\), differs\n/);
  expect(run.stdout).toContain('sevFeatures  0x1 (SNPActive) -> 0x21 (SNPActive+DebugSwap)\n');
  expect(run.stdout).toContain('after it these differ too: vCPU 1\n');
  const json = await runHere(['diff-ledger', one, other, '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({
    same: false,
    page: 'vCPU 0',
    pagesBefore: 33,
    contents: [{ name: 'sevFeatures', left: '0x1', right: '0x21' }],
    further: ['vCPU 1'],
  });
  expect(await runHere(['diff-ledger', one, one])).toEqual({ exitCode: 0, stdout: 'the same: 35 pages\n', stderr: '' });
});

test('of kernel hashes it is told which of the three differ', async () => {
  await writeFile(path('kernel'), 'kernel');
  const one = await ledgerFile('quiet.json', ['--json', '--kernel', path('kernel'), '--append', 'quiet']);
  const other = await ledgerFile('loud.json', ['--json', '--kernel', path('kernel'), '--append', 'loud']);
  const { stdout } = await runHere(['diff-ledger', one, other]);
  expect(stdout).toMatch(/^page 33, KERNEL_HASHES \(NORMAL at 0x810000\), differs\n/);
  expect(stdout).toMatch(/SHA-256 of cmdline {2}[0-9a-f]{64}\n +-> [0-9a-f]{64}\n/);
  expect(stdout).not.toContain('SHA-256 of kernel');
});

test('the tables are compared too, and say where JSON would tell more', async () => {
  const one = await ledgerFile('one.txt', []);
  const other = await ledgerFile('other.txt', ['--no-fpu-state']);
  const run = await runHere(['diff-ledger', one, other]);
  expect(run.stdout).toMatch(/^page 34, vCPU 0 .*differs\n[\s\S]*--ledger --json/);
  expect(run.exitCode).toBe(1);
  const json = await ledgerFile('one.json', ['--json']);
  expect((await runHere(['diff-ledger', one, json])).stdout).toBe('the same: 35 pages\n');
});

test('--dump-vmsa writes the page of every vCPU, and folders of them and single ones are compared', async () => {
  await ledgerFile('dumped.json', ['--json', '--vcpus', '3', '--dump-vmsa', path('new')]);
  await ledgerFile('dumped.json', ['--json', '--no-fpu-state', '--dump-vmsa', path('old')]);
  const state = { vcpuSignature: 0x800f12, guestFeatures: 1n, profile: vmmProfileOf('qemu-init2') };
  expect(new Uint8Array(await readFile(path('new', 'vmsa0.bin')))).toEqual(bootVmsa(state));
  expect(new Uint8Array(await readFile(path('new', 'vmsa2.bin')))).toEqual(applicationVmsa(0x0080b004, state));
  const run = await runHere(['diff-ledger', path('old'), path('new')]);
  expect(run.exitCode).toBe(1);
  const changed =
    /vmsa[01]\.bin differs\n {2}.*old -> .*new\n {2}mxcsr {3}0x0 -> 0x1f80\n {2}x87Fcw {2}0x0 -> 0x37f\n/g;
  expect(run.stdout.match(changed)).toHaveLength(2);
  expect(run.stdout).toMatch(/\nvmsa2\.bin is in .*new only\n$/);
  const single = await runHere(['diff-ledger', path('new', 'vmsa1.bin'), path('new', 'vmsa2.bin')]);
  expect(single).toMatchObject({ exitCode: 0, stdout: 'the same\n' });
});

test('what is no ledger is refused by name, with what to do', async () => {
  const ledger = await ledgerFile('one.json', ['--json']);
  await mkdir(path('empty'));
  await writeFile(path('wrong.json'), JSON.stringify([{ pageType: 'NORMAL', gpa: 12 }]));
  await writeFile(path('text'), 'some text\nand more\n');
  const wrong: readonly (readonly [string, RegExp])[] = [
    [path('nothing'), /FILE_UNREADABLE: cannot read the ledger: there is no such file/],
    [path('wrong.json'), /JSON_INVALID: ledger\[0\]\.gpa: /],
    [path('text'), /JSON_INVALID: line 2 is no row of a ledger .*\n {2}hint: a ledger is what/],
    [path('empty'), /FILE_UNREADABLE: there is no VMSA in the folder/],
    [path('ovmf.fd'), /JSON_INVALID: /],
  ];
  for (const [file, answer] of wrong) {
    const run = await runHere(['diff-ledger', ledger, file]);
    expect(run.stderr).toMatch(answer);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
  }
});
