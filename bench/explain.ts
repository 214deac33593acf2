/**
 * What `snp-conform explain` costs, from the shell, with a real OVMF of 4 MiB and two real kernels at hand: one, two and three
 * changed inputs, and a digest that nothing gives. Beside each: hypotheses a second, processor time, and the most memory
 * that the process had. No peer does this, so there is none beside it.
 *
 * node --import tsx bench/explain.ts [OVMF image] [kernel] [other kernel]
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../lib/cache.ts';
import { packageRoot } from '../lib/runner/package-root.ts';

const ARTIFACTS = join(cacheDirectory(process.env, homedir()), 'artifacts');
const [
  OVMF = join(ARTIFACTS, 'ovmf-amdsev', 'OVMF.amdsev.fd'),
  KERNEL = join(ARTIFACTS, 'linux-backports', 'vmlinuz'),
  OTHER = join(ARTIFACTS, 'linux-stable', 'vmlinuz'),
] = process.argv.slice(2);
const APPEND = 'console=ttyS0 root=/dev/vda1 ro quiet loglevel=7 panic=1';
const BASE = ['--ovmf', OVMF, '--vcpus', '4', '--vcpu-type', 'EPYC-v4'];
const PREDICTED = [...BASE, '--kernel', KERNEL, '--append', APPEND];

interface Finished {
  stdout: string;
  wallMs: number;
  /** Of the process and all its threads. */
  cpuMs: number;
  peakMiB: number;
}

/** Clock ticks of a second, as /proc counts them. Source: proc_pid_stat(5), sysconf(_SC_CLK_TCK) on Linux. */
const TICK_MS = 10;

/** Runs the command and looks at its process while it lives. */
async function measured(args: readonly string[]): Promise<Finished> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(packageRoot(), 'bin', 'snp-conform'), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let [peakMiB, cpuMs, stdout] = [0, 0, ''];
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakMiB = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? peakMiB * 1024) / 1024;
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    } catch (error) {
      // It has just ended: what was seen last counts.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH')
        throw error;
    }
  };
  const timer = setInterval(look, 20);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  return { stdout, wallMs: performance.now() - start, cpuMs, peakMiB };
}

const CASES: readonly { title: string; changed: readonly string[] | null; targetMs: number }[] = [
  { title: 'one change: guest features', changed: [...PREDICTED, '--guest-features', '0x21'], targetMs: 1000 },
  { title: 'one change: 100 vCPUs', changed: [...PREDICTED, '--vcpus', '100'], targetMs: 1000 },
  {
    title: 'one change: a word of the command line',
    changed: [...BASE, '--kernel', KERNEL, '--append', `${APPEND} debug`],
    targetMs: 1000,
  },
  {
    title: 'one change, far from usual: the last signature of those that are tried before pairs',
    changed: [...BASE.slice(0, -2), '--vcpu-sig', '0x000f06ff', '--kernel', KERNEL, '--append', APPEND],
    targetMs: 1000,
  },
  {
    title: 'one change, far from usual: a signature next to those of EPYC',
    changed: [...BASE.slice(0, -2), '--vcpu-sig', '0x00bf0ff7', '--kernel', KERNEL, '--append', APPEND],
    targetMs: 1000,
  },
  {
    title: 'one change, far from usual: the last character of the command line mistyped',
    changed: [...BASE, '--kernel', KERNEL, '--append', APPEND.replace(/1$/, '=')],
    targetMs: 1000,
  },
  {
    title: 'one change, far from usual: two bits of the guest features',
    changed: [...PREDICTED, '--allow-reserved-features', '--guest-features', '0x8000000000000201'],
    targetMs: 1000,
  },
  {
    title: 'two changes: another kernel, 64 vCPUs',
    changed: [...BASE, '--kernel', OTHER, '--append', APPEND, '--vcpus', '64'],
    targetMs: 5000,
  },
  {
    title: 'two changes: EPYC-Turin, a doubled space',
    changed: [...BASE, '--kernel', KERNEL, '--append', APPEND.replace(' ', '  '), '--vcpu-type', 'EPYC-Turin'],
    targetMs: 5000,
  },
  {
    title: 'three changes: another kernel, features, FPU state',
    changed: [...BASE, '--kernel', OTHER, '--append', APPEND, '--guest-features', '0x21', '--no-fpu-state'],
    targetMs: 60_000,
  },
  {
    title: 'three changes: a bit of the features, a word, vCPUs',
    changed: [
      ...[...BASE, '--kernel', KERNEL, '--append', APPEND.replace('quiet ', '')],
      ...['--guest-features', '0x1001', '--vcpus', '17'],
    ],
    targetMs: 60_000,
  },
  { title: 'nothing that is known', changed: null, targetMs: 60_000 },
];

await measured(['--version']);
for (const { title, changed, targetMs } of CASES) {
  const target = changed === null ? 'ab'.repeat(48) : (await measured(['predict', ...changed])).stdout.trim();
  const args = ['explain', '--observed', target, ...PREDICTED, '--artifacts', join(OTHER, '..'), '--json'];
  const { stdout, wallMs, cpuMs, peakMiB } = await measured(args);
  const { explained, explanations, tried, exhausted, seconds } = JSON.parse(stdout) as {
    explained: boolean;
    explanations: { changes: { input: string }[] }[];
    tried: number;
    exhausted: boolean;
    seconds: number;
  };
  const found = explanations[0]?.changes.map(({ input }) => input).join(' + ') ?? 'not explained';
  const rate = Math.round(tried / Math.max(seconds, 0.001) / 1000);
  console.log(`${title}\n  ${found}${explained || exhausted ? '' : ', not all tried'}`);
  console.log(
    `  ${(wallMs / 1000).toFixed(2)} s (target ${targetMs / 1000} s), processor ${(cpuMs / 1000).toFixed(2)} s, ` +
      `${tried} hypotheses, ${rate} thousand a second, peak ${peakMiB.toFixed(0)} MiB`,
  );
}
