import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { ARTIFACTS_FOLDER, projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

let sshd: Sshd;
let folder: string;
test.beforeAll(async () => {
  [sshd, folder] = await Promise.all([startSshd(), mkdtemp(join(tmpdir(), 'snp-init-'))]);
});
test.afterAll(async () => {
  await sshd.stop();
  await rm(folder, { recursive: true, force: true });
});

const AMDSEV = join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL = join(ARTIFACTS_FOLDER, 'linux-backports', 'vmlinuz');
const matrixFile = z.object({ artifacts: z.record(z.string(), z.record(z.string(), z.object({ path: z.string() }))) });

function init(target: string, args: readonly string[]) {
  const options = { reject: false, cwd: folder, stdin: 'ignore', timeout: 300_000 } as const;
  return execa(projectPath('bin', 'snp-conform'), ['init', target, ...args], options);
}

test('from an empty folder and a host over SSH to a green run of a suite of its own', async () => {
  const { port, user, userKeyPath, hostKeyLine } = sshd;
  const known = join(folder, 'known_hosts');
  await writeFile(known, '');
  const access = ['--host', `${user}@127.0.0.1:${port}`, '--key', userKeyPath, '--known-hosts', known];
  const files = ['--ovmf', AMDSEV, '--kernel', KERNEL, '--directory', join(folder, 'host')];

  const stranger = await init('lab', [...access, ...files, '--yes']);
  expect(stranger.exitCode).toBe(2);
  expect(stranger.stderr).toContain(`SSH_HOST_KEY: the host key is unknown`);
  expect(stranger.stderr).toContain(`ssh-keyscan -t ed25519 -p ${port} 127.0.0.1 >> ${known}`);
  expect(await readdir(join(folder, 'lab'))).toEqual([]);

  await writeFile(known, `[127.0.0.1]:${port} ${hostKeyLine}\n`);
  const hardware = await init('lab', [...access, ...files]);
  expect(hardware.exitCode).toBe(2);
  expect(hardware.stdout).toMatch(/cannot launch SNP guests on its own hardware:\n +\S.*(?:\n.*)*fix: /);
  expect(hardware.stderr).toMatch(/USAGE: there is nothing to launch on.*\n {2}hint: .*--emulated/);
  expect(existsSync(join(folder, 'lab', 'hosts.json'))).toBe(false);

  const done = await init('lab', [...access, ...files, '--emulated', 'amd-6.8', '--yes']);
  expect(done.exitCode, done.stdout + done.stderr).toBe(0);
  expect(done.stdout).toMatch(/\n2 passed, 0 failed\n/);
  expect(done.stdout).toMatch(/evidence: emulated; /);
  expect(done.stdout.trim().split('\n').slice(-4)).toEqual([
    expect.stringMatching(/^Next, in lab:/),
    ...['run --config', 'run --suite launch', 'predict --matrix'].map((words) => expect.stringContaining(words)),
  ]);
  const { artifacts } = matrixFile.parse(JSON.parse(await readFile(join(folder, 'lab', 'matrix.json'), 'utf8')));
  const fetched = artifacts.firmware?.['OVMF.amdsev.fd']?.path ?? '';
  expect(Buffer.compare(await readFile(join(folder, 'lab', fetched)), await readFile(AMDSEV))).toBe(0);
  expect(await readFile(join(folder, 'lab', 'hosts.json'), 'utf8')).not.toContain('PRIVATE KEY');

  // A replay of what the suite recorded needs no host, and a wrong expectation of it is seen.
  const run = (args: readonly string[]) =>
    execa(projectPath('bin', 'snp-conform'), ['run', '--config', 'playwright.config.ts', ...args], {
      ...{ reject: false, cwd: join(folder, 'lab'), stdin: 'ignore' as const, timeout: 300_000 },
    });
  await writeFile(join(folder, 'lab', 'suites', 'own.spec.ts'), OWN_SUITE);
  const recorded = await run(['--record', 'own.jsonl.gz']);
  expect(recorded.exitCode, recorded.stdout + recorded.stderr).toBe(0);
  await rm(join(folder, 'lab', 'artifacts'), { recursive: true });
  const wrong = OWN_SUITE.replace('BAD_MEASUREMENT', 'BAD_SIGNATURE');
  await writeFile(join(folder, 'lab', 'suites', 'own.spec.ts'), wrong);
  const failed = await run(['--replay', 'own.jsonl.gz', '--out', 'replayed']);
  expect(failed.exitCode).toBe(1);
  expect(failed.stdout).toMatch(/\n3 passed, 1 failed\n?$/);
  expect(failed.stderr + failed.stdout).toMatch(/expected BAD_SIGNATURE\n\s*observed BAD_MEASUREMENT: /);
});

/** Types each answer when its question is on the terminal. @returns all that the terminal showed, and the exit code */
async function atTerminal(args: readonly string[], answers: readonly (readonly [RegExp, string])[]) {
  const command = [projectPath('bin', 'snp-conform'), ...args].join(' ');
  const options = { reject: false, cwd: folder, timeout: 60_000, all: true } as const;
  const terminal = execa('script', ['--quiet', '--return', '--command', command, '/dev/null'], options);
  const open = [...answers];
  let unread = '';
  terminal.all.on('data', (chunk: Buffer) => {
    unread += chunk.toString('utf8');
    const [question, answer = ''] = open[0] ?? [];
    if (question === undefined || !question.test(unread)) return;
    open.shift();
    unread = '';
    terminal.stdin.write(answer);
  });
  const { all, exitCode } = await terminal;
  return { shown: all, exitCode, unasked: open.map(([question]) => question.source) };
}

test('on a terminal it asks for what the options leave open, and asks again for an answer that is none', async () => {
  const done = await atTerminal(
    ['init', 'asked', '--no-run', '--directory', join(folder, 'here')],
    [
      [/or here\? \[here\] /, '\r'],
      [/Which firmware\?[\s\S]*OVMF[\s\S]*for all: /, '9\r'],
      [/give numbers from 1 to [\s\S]*for all: /, '1\r'],
      [/emulated host there\? \[Y\/n\] /, 'y\r'],
    ],
  );
  expect(done, done.shown).toMatchObject({ exitCode: 0, unasked: [] });
  const { artifacts } = matrixFile.parse(JSON.parse(await readFile(join(folder, 'asked', 'matrix.json'), 'utf8')));
  expect(Object.keys(artifacts.firmware ?? {})).toEqual(['OVMF.amdsev.fd']);
  expect(await readFile(join(folder, 'asked', 'hosts.json'), 'utf8')).toContain('upstream-6.12');
});

test('the end of the input at a terminal ends the command, and nothing is written', async () => {
  const done = await atTerminal(['init', 'left', '--no-run'], [[/or here\? \[here\] /, '\u0004']]);
  expect(done, done.shown).toMatchObject({ exitCode: 2, unasked: [] });
  expect(done.shown).toMatch(/USAGE: there was no answer; nothing was written\s+hint: give the answers as options/);
  expect(existsSync(join(folder, 'left'))).toBe(false);
});

/** A wrong digest is refused; a report of another launch verifies; a report verifies only for what was asked. */
const OWN_SUITE = `
import { cells, expect, launchName, test } from 'snp-conform';

for (const { cell, tag } of cells(({ vcpus }) => vcpus === 1)) {
  test(launchName(cell.id, 'own/someone-elses-digest'), { tag }, async ({ launch }) => {
    const published = Uint8Array.from({ length: 48 }, () => 7);
    const outcome = await launch(cell, {
      name: 'someone-elses-digest',
      idBlock: { launchDigest: published },
    });
    expect(outcome).toBeRefusedWith('BAD_MEASUREMENT');
    expect(outcome).not.toMeasure(published);
  });
  test(launchName(cell.id, 'own/verified'), { tag }, async ({ guest, host }) => {
    const { report, outcome } = await guest(cell, { name: 'verified', report: 'verified' });
    expect(host.kind).toBe('emulated');
    expect(outcome).toVerify({ policyClear: ['DEBUG'], vmpl: 0 });
    expect(outcome).not.toVerify({ measurement: new Uint8Array(48) });
    expect(report.vmpl).toBe(0);
  });
}
`;
