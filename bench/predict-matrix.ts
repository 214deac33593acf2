/**
 * 10,000 launch digests from one matrix: 4 firmware images of 4 MiB, 10 kernels of 14 MB, 5 guest features, 10 vCPU types,
 * 5 vCPU counts up to 64; files read and hashed included. Beside it what the unavoidable hashes alone cost on this machine
 * in this run, and a single prediction from the shell beside sev-snp-measure where that is installed.
 *
 * node --import tsx bench/predict-matrix.ts [OVMF image]
 */
import { execFileSync } from 'node:child_process';
import { hash, randomFillSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheDirectory } from '../lib/cache.ts';
import { describeFirmware } from '../lib/measure/firmware.ts';
import { DEFAULT_VMM_PROFILE } from '../lib/measure/vmm-profiles.ts';
import { packageRoot } from '../lib/runner/package-root.ts';
import { predictMatrix } from '../lib/runner/predict-all.ts';

const CACHE = cacheDirectory(process.env, homedir());
const OVMF = process.argv[2] ?? join(CACHE, 'artifacts', 'ovmf-amdsev', 'OVMF.amdsev.fd');
const KERNEL_BYTES = 14_000_000;
const VCPU_COUNTS = [1, 4, 16, 32, 64];
const VCPU_TYPES = [
  ...['EPYC-v4', 'EPYC-Rome', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-Turin'],
  ...[1, 2, 3, 4, 5].map((stepping) => `EPYC-v4,family=25,model=17,stepping=${stepping}`),
];
const FEATURES = ['0x1', '0x21', '0x201', '0x9', '0x11'];

interface Bench {
  folder: string;
  matrixFile: string;
}

function prepare(): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'snp-bench-'));
  const image = readFileSync(OVMF);
  const firmware = [0, 1, 2, 3].map((index) => {
    image.writeUInt8(index, 1_000_000);
    writeFileSync(join(folder, `f${index}.fd`), image);
    return `f${index}`;
  });
  const kernels = Array.from({ length: 10 }, (_, index) => {
    writeFileSync(join(folder, `k${index}`), randomFillSync(Buffer.alloc(KERNEL_BYTES)));
    return `k${index}`;
  });
  const paths = (names: string[], ending = ''): object =>
    Object.fromEntries(names.map((name) => [name, { path: `${name}${ending}` }]));
  const matrix = {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: paths(firmware, '.fd'), kernel: paths(kernels) },
    axes: { firmware, kernel: kernels, guestFeatures: FEATURES, vcpus: VCPU_COUNTS, vcpuType: VCPU_TYPES },
  };
  const matrixFile = join(folder, 'matrix.json');
  writeFileSync(matrixFile, JSON.stringify(matrix));
  return { folder, matrixFile };
}

/** Milliseconds of one call, the least of several: what the machine can do when nothing disturbs it. */
function leastMs(times: number, work: () => void): number {
  return Math.min(
    ...Array.from({ length: times }, () => {
      const start = performance.now();
      work();
      return performance.now() - start;
    }),
  );
}

/** What the hashes that no calculator can do without cost here: counted from the matrix, timed as bare primitives. */
function unavoidableMs(): { ms: number; text: string } {
  const descriptor = describeFirmware(readFileSync(OVMF));
  const sectionPages = descriptor.sections.reduce((sum, { sizeBytes }) => sum + sizeBytes / 4096, 0);
  const imagePages = (descriptor.sizeBytes ?? 0) / 4096;
  const chains = 4 * 10 * FEATURES.length * VCPU_TYPES.length;
  const counts = {
    page: 4 * imagePages + 4 * 10 + 2 * FEATURES.length * VCPU_TYPES.length,
    link: 4 * imagePages + 4 * 10 * sectionPages + chains * Math.max(...VCPU_COUNTS),
    kernel: 10,
  };
  const page = Buffer.alloc(4096, 1);
  const link = Buffer.alloc(112, 1);
  const kernel = Buffer.alloc(KERNEL_BYTES, 1);
  const each = (bytes: Buffer, algorithm: string, times: number): number =>
    leastMs(3, () => {
      for (let i = 0; i < times; i++) hash(algorithm, bytes, 'buffer');
    }) / times;
  const cost = {
    page: each(page, 'sha384', 4000),
    link: each(link, 'sha384', 40_000),
    kernel: each(kernel, 'sha256', 3),
  };
  const ms = counts.page * cost.page + counts.link * cost.link + counts.kernel * cost.kernel;
  return { ms, text: `${counts.page} pages, ${counts.link} links, ${counts.kernel} kernels` };
}

function shellMs(command: string, args: string[]): number {
  return leastMs(5, () => execFileSync(command, args, { stdio: 'ignore' }));
}

function singlePredictions(): void {
  const ours = shellMs(join(packageRoot(), 'bin', 'snp-conform'), [
    ...['predict', '--ovmf', OVMF, '--vcpus', '4', '--vcpu-type', 'EPYC-v4'],
  ]);
  console.log(`one predict from the shell: ${ours.toFixed(0)} ms`);
  const peer = (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, 'sev-snp-measure'))
    .find(existsSync);
  if (peer === undefined) {
    console.log('sev-snp-measure is not installed here: no comparison');
    return;
  }
  const theirs = shellMs(peer, ['--mode', 'snp', '--ovmf', OVMF, '--vcpus', '4', '--vcpu-type', 'EPYC-v4']);
  console.log(`sev-snp-measure, the same input: ${theirs.toFixed(0)} ms; ours is ${(ours / theirs).toFixed(2)} of it`);
}

const bench = prepare();
try {
  const unavoidable = unavoidableMs();
  const runs: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    const cells = await predictMatrix(bench.matrixFile, [DEFAULT_VMM_PROFILE], CACHE);
    runs.push(performance.now() - start);
    if (cells.length !== 10_000) throw new Error('not 10,000 cells');
  }
  runs.sort((left, right) => left - right);
  const [least = 0, , median = 0] = runs;
  console.log(`10,000 cells: least ${least.toFixed(0)} ms, median ${median.toFixed(0)} ms`);
  console.log(`the unavoidable hashes alone (${unavoidable.text}): ${unavoidable.ms.toFixed(0)} ms`);
  console.log(`ratio, median: ${(median / unavoidable.ms).toFixed(2)}`);
  singlePredictions();
} finally {
  rmSync(bench.folder, { recursive: true, force: true });
}
