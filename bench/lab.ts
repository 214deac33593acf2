/**
 * What the lab costs: 200 short cells over 4 emulated host entries of 4 slots each, all over SSH to this machine, beside bare
 * launches of the same QEMU command lines, as many at once; the memory of the controller while it runs; and the upload of an
 * artifact of 64 MB beside `scp` over the same link.
 *
 * An emulated launch is over in a tenth of a second of processor time, all of which hosts and controller share here: beside
 * that, what a run takes to start counts for much. So each round is measured twice: launches as short as that, and launches of
 * both kinds that begin with a pause of so many seconds, as long as a short launch on SNP hardware takes.
 *
 * node --import tsx bench/lab.ts [cells] [rounds] [seconds]
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cellFileSchema } from '../lib/evidence/schema.ts';
import { ensureArtifact } from '../lib/host/artifact-store.ts';
import { openSshSession } from '../lib/host/ssh-session.ts';
import { packageRoot } from '../lib/runner/package-root.ts';
import { type Sshd, startSshd } from '../test/lab/sshd.ts';

const CELLS = Number(process.argv[2] ?? 200);
const ROUNDS = Number(process.argv[3] ?? 3);
const PAUSE_SECONDS = Number(process.argv[4] ?? 2);
const HOSTS = 4;
const SLOTS = 4;
const UPLOAD_BYTES = 64 * 1024 * 1024;
const VCPU_TYPES = ['EPYC', 'EPYC-Rome', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-v4'];

const folder = mkdtempSync(join(tmpdir(), 'snp-bench-'));
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const median = (numbers: readonly number[]): number =>
  [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Not there yet, or gone again.
  }
}

/** Resident memory of a process and of all below it, in MB. Source: proc_pid_stat(5), proc_pid_status(5). */
function residentMB(root: number): { runner: number; all: number } {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const parent = /\) \S (\d+)/.exec(textOf(`/proc/${name}/stat`))?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === root) return true;
    return false;
  };
  let [runner, all] = [0, 0];
  for (const pid of parents.keys()) {
    if (!isBelow(pid)) continue;
    const command = textOf(`/proc/${pid}/cmdline`);
    if (!command.includes('node')) continue;
    const megabytes = Number(/VmRSS:\s+(\d+)/.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
    all += megabytes;
    if (!command.includes('workerProcessEntry')) runner += megabytes;
  }
  return { runner, all };
}

/** A QEMU whose launches of guests take their time. @param seconds of pause before each */
function slowQemu(seconds: number): string {
  const path = join(folder, 'qemu-slow');
  const pause = `case "$*" in *id=sev0*) sleep ${seconds} ;; esac`;
  writeFileSync(path, ['#!/bin/sh', pause, 'exec /usr/bin/qemu-system-x86_64 "$@"', ''].join('\n'), { mode: 0o755 });
  return path;
}

function writeInputs({ address, port, user, userKeyPath, hostKeyLine }: Sshd, pauseSeconds: number): string[] {
  const hosts = Array.from({ length: HOSTS }, (_, at) => ({
    name: `host-${at}`,
    kind: 'ssh',
    ...{ address, port, user, privateKey: userKeyPath, hostKey: hostKeyLine },
    ...{ slots: SLOTS, directory: join(folder, `host-${at}`), emulation: { profile: 'upstream-6.12' } },
    ...(pauseSeconds > 0 && { qemu: { default: slowQemu(pauseSeconds) } }),
  }));
  const policies = Array.from({ length: Math.ceil(CELLS / HOSTS / VCPU_TYPES.length) }, (_, minor) => 0x30000 + minor);
  const matrix = {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { ovmfx64: { path: 'cache:artifacts/ovmf-x64/OVMF.fd' } } },
    axes: {
      firmware: ['ovmfx64'],
      guestPolicy: policies.map((policy) => `0x${policy.toString(16)}`),
      vcpus: [1],
      vcpuType: VCPU_TYPES,
      guestFeatures: ['0x1'],
    },
  };
  const [hostsFile, matrixFile] = [join(folder, 'hosts.json'), join(folder, 'matrix.json')];
  writeFileSync(hostsFile, JSON.stringify({ format: 'snp-conform/hosts@1', hosts }));
  writeFileSync(matrixFile, JSON.stringify(matrix));
  return ['--hosts', hostsFile, '--matrix', matrixFile];
}

/** @returns seconds of the command line from start to end, and of its launches; the command lines that it launched */
async function harness(inputs: readonly string[], out: string) {
  const results = join(folder, out, 'run', 'results.jsonl');
  const started = performance.now();
  const child = spawn(join(packageRoot(), 'bin', 'snp-conform'), ['run', ...inputs, '--out', join(folder, out)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += String(bytes)));
  const memory = new Map<number, ReturnType<typeof residentMB>>();
  const watch = setInterval(() => {
    const done = textOf(results).split('\n').length - 1;
    for (const mark of [50, 100, 150, 195]) {
      if (done >= mark && !memory.has(mark)) memory.set(mark, residentMB(child.pid ?? 0));
    }
  }, 250);
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`the run ended with exit code ${code}:\n${said}`);
  const cells = join(folder, out, 'run', 'cells');
  const files = readdirSync(cells, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.json'));
  const evidence = files.map(
    (name) => cellFileSchema.parse(JSON.parse(readFileSync(join(cells, name), 'utf8'))).evidence,
  );
  return { seconds, memory, argvs: evidence.map(({ sent }) => sent.argv) };
}

/** @returns seconds of the launches alone: the processes that make them are up before */
async function bare(argvs: readonly string[][]): Promise<number> {
  const children = Array.from({ length: HOSTS }, (_, at) => {
    const file = join(folder, `bare-${at}.json`);
    writeFileSync(
      file,
      JSON.stringify({ atOnce: SLOTS, launches: argvs.filter((_argv, index) => index % HOSTS === at) }),
    );
    return spawn(process.execPath, ['--import', 'tsx', join(packageRoot(), 'bench', 'bare-launches.ts'), file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  });
  await Promise.all(children.map((child) => once(child.stdout, 'data')));
  const started = performance.now();
  const codes = children.map(async (child) => {
    child.stdin.write('go\n');
    const [code] = (await once(child, 'exit')) as [number];
    if (code !== 0) throw new Error(`bare launches ended with exit code ${code}`);
  });
  await Promise.all(codes);
  return (performance.now() - started) / 1000;
}

async function matrixBench(sshd: Sshd, pauseSeconds: number): Promise<void> {
  const inputs = writeInputs(sshd, pauseSeconds);
  const title = pauseSeconds > 0 ? `launches of ${pauseSeconds} s and more` : 'launches without a pause';
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const run = await harness(inputs, `run-${pauseSeconds}-${round}`);
    const bareSeconds = await bare(run.argvs);
    const ratio = run.seconds / bareSeconds;
    ratios.push(ratio);
    const seconds = `${run.seconds.toFixed(1)} s, bare ${bareSeconds.toFixed(1)} s`;
    say(`${title}: ${run.argvs.length} cells ${seconds}, ratio ${ratio.toFixed(2)}`);
    for (const [cells, { runner, all }] of run.memory) {
      say(`  memory after ${cells} cells: runner ${runner.toFixed(0)} MB, with workers ${all.toFixed(0)} MB`);
    }
  }
  say(`${title}: ratio, median of ${ROUNDS}: ${median(ratios).toFixed(2)}`);
}

async function uploadBench({ address, port, user, userKeyPath, hostKeyLine }: Sshd): Promise<void> {
  const path = join(folder, 'artifact');
  const content = randomBytes(UPLOAD_BYTES);
  writeFileSync(path, content);
  const artifact = { name: 'artifact', path, sha256: createHash('sha256').update(content).digest('hex') };
  const knownHosts = join(folder, 'known_hosts');
  writeFileSync(knownHosts, `[${address}]:${port} ${hostKeyLine}\n`);
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const scpStarted = performance.now();
    const options = ['-q', '-i', userKeyPath, '-o', `UserKnownHostsFile=${knownHosts}`, '-P', String(port)];
    execFileSync('scp', [...options, path, `${user}@${address}:${join(folder, 'scp')}`]);
    const scp = (performance.now() - scpStarted) / 1000;
    const target = { name: 'bench', address, port, user, privateKeyPath: userKeyPath, hostKey: hostKeyLine };
    const store = join(folder, `store-${round}`);
    const started = performance.now();
    const first = await openSshSession(target);
    await first.run(['mkdir', '-p', store]);
    await first.upload(path, join(store, 'copy'));
    const upload = (performance.now() - started) / 1000;
    await ensureArtifact(first, store, artifact);
    await first.close();
    const second = await openSshSession(target);
    const again = performance.now();
    await ensureArtifact(second, store, artifact);
    const repeated = (performance.now() - again) / 1000;
    await second.close();
    ratios.push(scp / upload);
    say(
      `64 MB: upload ${upload.toFixed(2)} s, scp ${scp.toFixed(2)} s, rate ${(scp / upload).toFixed(2)} of scp's; again, by hash alone: ${repeated.toFixed(2)} s`,
    );
  }
  say(`rate, median of ${ROUNDS}: ${median(ratios).toFixed(2)} of scp's`);
}

const sshd = await startSshd();
try {
  await uploadBench(sshd);
  for (const pauseSeconds of CELLS > 0 ? [0, PAUSE_SECONDS] : []) await matrixBench(sshd, pauseSeconds);
} finally {
  await sshd.stop();
  rmSync(folder, { recursive: true, force: true });
}
