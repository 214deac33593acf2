/**
 * 10,000 recorded cells of which 50 fail, played back on all cores: the time, the peak memory of the runner and of the
 * command line, and the size of the page. The evidence is real evidence of an emulated launch, spread over the axes of a large
 * matrix with all that is random in it made anew.
 *
 * node --import tsx bench/replay.ts [cells] [folder to keep]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRecording } from '../lib/evidence/recording/writer.ts';
import { packageRoot } from '../lib/runner/package-root.ts';
import { madeRecordedRows } from '../test/reporters/page/made-run.ts';

const CELLS = Number(process.argv[2] ?? 10_000);
const FAILING = 50;
const kept = process.argv[3];
const folder = kept ?? mkdtempSync(join(tmpdir(), 'snp-bench-'));

/** Peak resident memory of a process, in MB. Source: proc(5), VmHWM. */
function peakMB(pid: number): number {
  const path = `/proc/${pid}/status`;
  const line = existsSync(path) ? /VmHWM:\s+(\d+) kB/.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return Number(line ?? 0) / 1024;
}

/** Processes below one, with their command lines. */
function below(pid: number): { pid: number; line: string }[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1]);
        return parent === pid ? [{ pid: Number(name), line: readFileSync(`/proc/${name}/cmdline`, 'utf8') }] : [];
      } catch {
        return []; // It ended meanwhile.
      }
    });
  return children.flatMap((child) => [child, ...below(child.pid)]);
}

/** Processor time of all children that ended, in seconds. Source: proc(5), cutime and cstime in ticks of 10 ms. */
function childrenSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

async function replay(recording: string): Promise<void> {
  const out = join(folder, 'reports');
  const bin = join(packageRoot(), 'bin', 'snp-conform');
  const started = performance.now();
  const usedBefore = childrenSeconds();
  const child = spawn(process.execPath, [bin, 'run', '--replay', recording, '--out', out], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const peaks = new Map<string, number>();
  const watch = setInterval(() => {
    for (const { pid, line } of [{ pid: child.pid ?? 0, line: 'command line' }, ...below(child.pid ?? 0)]) {
      const name = line.includes('workerProcessEntry')
        ? 'worker'
        : line.includes('@playwright')
          ? 'runner'
          : 'command line';
      peaks.set(name, Math.max(peaks.get(name) ?? 0, peakMB(pid)));
    }
  }, 1000);
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watch);
  const seconds = (performance.now() - started) / 1000;
  console.log(said.trimEnd().split('\n').at(-1));
  const used = childrenSeconds() - usedBefore;
  console.log(`${CELLS} cells: ${seconds.toFixed(1)} s, ${used.toFixed(1)} s of processor time`);
  for (const [name, peak] of peaks) console.log(`peak of a ${name}: ${peak.toFixed(0)} MB`);
  console.log(`page: ${(statSync(join(out, 'matrix.html')).size / 1e6).toFixed(1)} MB`);
}

try {
  const recording = join(folder, 'made.jsonl.gz');
  const every = Math.floor(CELLS / FAILING);
  if (!existsSync(recording)) {
    const rows = () => madeRecordedRows(CELLS, (_, number) => (number % every === 0 ? 'fail' : 'pass'));
    await writeRecording(recording, rows, { recordedAt: new Date(0), tool: 'bench', redactions: {} });
  }
  console.log(`recording: ${(statSync(recording).size / 1e6).toFixed(1)} MB`);
  await replay(recording);
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true, force: true });
}
