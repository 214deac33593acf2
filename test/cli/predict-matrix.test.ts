import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const path = testFolder();

/** Prints a matrix of two cells that have one digest, and one more. */
async function printed(args: readonly string[]): Promise<string> {
  await writeFile(path('ovmf.fd'), firmwareImage({ bytes: 65_536 }));
  await writeFile(path('kernel'), 'kernel');
  const matrix = {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { made: { path: 'ovmf.fd' } }, kernel: { k: { path: 'kernel' } } },
    axes: {
      firmware: ['made'],
      kernel: ['k'],
      append: ['a "b", c'],
      vcpus: [1],
      vcpuType: ['EPYC-v4', 'EPYC-v3', 'EPYC-Milan'],
    },
  };
  await writeFile(path('matrix.json'), JSON.stringify(matrix));
  const run = await runHere(['predict', '--matrix', path('matrix.json'), ...args]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  return run.stdout;
}

const digestsOf = (json: string): Record<string, Record<string, string>> =>
  (JSON.parse(json) as { digests: Record<string, Record<string, string>> }).digests;

test('a matrix is printed as the reference file by default, for both generations of host kernels', async () => {
  const plain = await printed([]);
  expect(await printed(['--output', 'json'])).toBe(plain);
  const digests = digestsOf(plain);
  expect(Object.keys(digests)).toEqual(['qemu-init2', 'qemu-pre-init2']);
  const { 'qemu-init2': cells = {} } = digests;
  expect(Object.keys(cells)).toEqual(
    ['EPYC-v4', 'EPYC-v3', 'EPYC-Milan'].map((type) => `made/k/policy-0x30000/features-0x1/1-vcpu/${type}`),
  );
  const [image, kernel] = [path('ovmf.fd'), path('kernel')];
  const single = await runHere([
    ...['predict', '--ovmf', image, '--kernel', kernel, '--append', 'a "b", c'],
    ...['--vcpus', '1', '--vcpu-type', 'EPYC-Milan'],
  ]);
  expect(single.stdout).toBe(`${Object.values(cells)[2]}\n`);
});

test('a firmware that cannot hold the hashes is named with its file; a named pipe, a device and a matrix without cells are refused', async () => {
  await printed([]);
  await writeFile(path('ovmf.fd'), firmwareImage({ bytes: 65_536, sections: [[0x800000, 0x9000, 1]] }));
  const wrong = await runHere(['predict', '--matrix', path('matrix.json')]);
  expect(wrong.stderr).toMatch(/^snp-conform: OVMF_NO_HASHES_TABLE: .*\(firmware made, .*ovmf\.fd, cell made\/k/);
  execFileSync('mkfifo', [path('pipe')]);
  const pipe = await runHere(['predict', '--matrix', path('pipe')]);
  expect(pipe).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('it is a named pipe; give a file') });
  const endless = await runHere(['predict', '--matrix', '/dev/zero']);
  expect(endless).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('it is a device; give a file') });
  const made = JSON.parse(await readFile(path('matrix.json'), 'utf8'));
  const all = { why: 'none is wanted', firmware: 'made' };
  await writeFile(path('none.json'), JSON.stringify({ ...made, exclude: [all] }));
  const none = await runHere(['predict', '--matrix', path('none.json'), '--output', 'rvps']);
  expect(none).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('MATRIX_EMPTY: every combination') });
});

test('--output csv has a line for each cell and profile, quoted where it must be', async () => {
  const digests = digestsOf(await printed([]));
  const lines = (await printed(['--output', 'csv'])).trimEnd().split('\n');
  expect(lines[0]).toBe(
    'vmmProfile,cell,firmware,kernel,initrd,append,guestPolicy,guestFeatures,vcpus,vcpuType,qemu,launchDigest',
  );
  expect(lines).toHaveLength(7);
  const id = 'made/k/policy-0x30000/features-0x1/1-vcpu/EPYC-v3';
  expect(lines[5]).toBe(
    `qemu-pre-init2,${id},made,k,,"a ""b"", c",0x30000,0x1,1,EPYC-v3,default,${digests['qemu-pre-init2']?.[id]}`,
  );
});

test('--output rvps is one reference value that holds every digest once, until a year from now or as asked', async () => {
  const digests = digestsOf(await printed(['--no-fpu-state']));
  const asked = await printed(['--no-fpu-state', '--output', 'rvps', '--expires', '2031-02-28T00:00:00Z']);
  expect(JSON.parse(asked)).toEqual([
    {
      version: '0.1.0',
      name: 'snp_launch_measurement',
      expiration: '2031-02-28T00:00:00Z',
      value: [...new Set(Object.values(digests['qemu-pre-init2'] ?? {}))],
    },
  ]);
  const [value] = JSON.parse(await printed(['--output', 'rvps'])) as [{ expiration: string; value: string[] }];
  expect(value.value).toHaveLength(4);
  expect(value.expiration).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/);
  const days = (Date.parse(value.expiration) - Date.now()) / (24 * 3600 * 1000);
  expect(Math.round(days)).toBeGreaterThanOrEqual(365);
  expect(Math.round(days)).toBeLessThanOrEqual(366);
});
