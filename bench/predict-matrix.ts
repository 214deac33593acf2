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
import { homedir, loadavg, tmpdir } from 'node:os';
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

/** What one call took: by the clock, and of all processors together, which other work on the machine changes little. */
interface Cost {
  wallMs: number;
  processorMs: number;
}

async function costOf(work: () => void | Promise<void>): Promise<Cost> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wallMs: performance.now() - start, processorMs: (user + system) / 1000 };
}

/** The least of several calls: what the machine can do when nothing disturbs it. */
async function leastCost(times: number, work: () => void | Promise<void>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let call = 0; call < times; call += 1) costs.push(await costOf(work));
  const least = (of: keyof Cost): number => Math.min(...costs.map((cost) => cost[of]));
  return { wallMs: least('wallMs'), processorMs: least('processorMs') };
}

/** The forms in which node:crypto hands out a hash: an array of its own, or a string of bytes, which is cheaper. */
const FORMS = { arrays: 'buffer', strings: 'binary' } as const;

/**
 * What the hashes that no calculator can do without cost here: counted from the matrix, timed as bare primitives.
 * @param form in which the primitive gives its hash
 */
async function unavoidable(form: keyof typeof FORMS): Promise<Cost & { text: string }> {
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
  const all = async (count: number, bytes: Buffer, algorithm: string): Promise<Cost> =>
    leastCost(3, () => {
      for (let i = 0; i < count; i++) hash(algorithm, bytes, FORMS[form]);
    });
  const costs = [
    await all(counts.page, page, 'sha384'),
    await all(counts.link, link, 'sha384'),
    await all(counts.kernel, kernel, 'sha256'),
  ];
  const sum = (of: keyof Cost): number => costs.reduce((total, cost) => total + cost[of], 0);
  const text = `${counts.page} pages, ${counts.link} links, ${counts.kernel} kernels`;
  return { wallMs: sum('wallMs'), processorMs: sum('processorMs'), text };
}

async function shellMs(command: string, args: string[]): Promise<number> {
  return (await leastCost(5, () => void execFileSync(command, args, { stdio: 'ignore' }))).wallMs;
}

async function singlePredictions(): Promise<void> {
  const ours = await shellMs(join(packageRoot(), 'bin', 'snp-conform'), [
    ...['predict', '--ovmf', OVMF, '--vcpus', '4', '--vcpu-type', 'EPYC-v4'],
  ]);
  console.log(`one predict from the shell: ${ours.toFixed(0)} ms`);
  const peer = (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, 'sev-snp-measure'))
    .find(existsSync);
  if (peer === undefined) {
    console.log('sev-snp-measure: not installed, so no comparison');
    return;
  }
  const theirs = await shellMs(peer, ['--mode', 'snp', '--ovmf', OVMF, '--vcpus', '4', '--vcpu-type', 'EPYC-v4']);
  console.log(`sev-snp-measure, the same input: ${theirs.toFixed(0)} ms; ours is ${(ours / theirs).toFixed(2)} of it`);
}

const bench = prepare();
try {
  const floors = [await unavoidable('arrays'), await unavoidable('strings')];
  const run = await leastCost(7, async () => {
    const cells = await predictMatrix(bench.matrixFile, [DEFAULT_VMM_PROFILE], CACHE);
    if (cells.length !== 10_000) throw new Error('not 10,000 cells');
  });
  const inMs = ({ wallMs, processorMs }: Cost): string =>
    `${wallMs.toFixed(0)} ms by the clock, ${processorMs.toFixed(0)} ms of processors`;
  console.log(
    `load of the machine: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  );
  console.log(`10,000 cells: ${inMs(run)}`);
  for (const [index, floor] of floors.entries()) {
    console.log(`the unavoidable hashes alone, as ${Object.keys(FORMS)[index]} (${floor.text}): ${inMs(floor)}`);
    const [wall, processors] = [run.wallMs / floor.wallMs, run.processorMs / floor.processorMs];
    console.log(`  ratio: ${wall.toFixed(2)} by the clock, ${processors.toFixed(2)} of processors`);
  }
  await singlePredictions();
} finally {
  rmSync(bench.folder, { recursive: true, force: true });
}
