/**
 * 10,000 launch digests from one matrix: 4 firmware images of 4 MiB, 10 kernels of 14 MB, 5 guest features, 10 vCPU types,
 * 5 vCPU counts up to 64; files read and hashed included. Beside it what the unavoidable hashes alone cost on this machine
 * in this run, and a single prediction from the shell beside sev-snp-measure where that is installed.
 *
 * node --import tsx bench/predict-matrix.ts [OVMF image]
 */
import { execFileSync } from 'node:child_process';
import { hash, randomFillSync } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheDirectory } from '../lib/cache.ts';
import { describeFirmware } from '../lib/measure/firmware.ts';
import { DEFAULT_VMM_PROFILE } from '../lib/measure/vmm-profiles.ts';
import { packageRoot } from '../lib/runner/package-root.ts';
import type { predictMatrix } from '../lib/runner/predict-all.ts';

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
  /** The firmware images. */
  images: string[];
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
  return { folder, images: firmware.map((name) => join(folder, `${name}.fd`)), matrixFile };
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

const leastOf = (costs: readonly Cost[]): Cost => {
  const least = (of: keyof Cost): number => Math.min(...costs.map((cost) => cost[of]));
  return { wallMs: least('wallMs'), processorMs: least('processorMs') };
};

/** The least of several calls: what the machine can do when nothing disturbs it. */
async function leastCost(times: number, work: () => void | Promise<void>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let call = 0; call < times; call += 1) costs.push(await costOf(work));
  return leastOf(costs);
}

/** The cheap forms in which node:crypto hands out a hash; a buffer of its own for each takes half as long again. */
const FORMS = { 'strings of bytes': 'binary', 'hex strings': 'hex' } as const;

/** A hash that no calculator can do without here: how often, of what. */
interface Primitive {
  name: string;
  count: number;
  algorithm: 'sha256' | 'sha384';
  bytes: Buffer;
}

/** Of how many different contents the pages of all images are: the images differ in one page, and most of it is padding. */
function differentPages(images: readonly string[]): number {
  const contents = images.flatMap((path) => {
    const image = readFileSync(path);
    return Array.from({ length: image.length / 4096 }, (_, page) =>
      image.toString('latin1', page << 12, (page + 1) << 12),
    );
  });
  return new Set(contents).size;
}

/** The unavoidable hashes, counted from the matrix: of everything that differs once. */
function unavoidable(images: readonly string[]): Primitive[] {
  const descriptor = describeFirmware(readFileSync(OVMF));
  const sectionPages = descriptor.sections.reduce((sum, { sizeBytes }) => sum + sizeBytes / 4096, 0);
  const imagePages = (descriptor.sizeBytes ?? 0) / 4096;
  const kinds = FEATURES.length * VCPU_TYPES.length;
  const pages = differentPages(images) + 10 + 2 * kinds;
  const links = 4 * imagePages + 4 * 10 * (sectionPages + kinds * Math.max(...VCPU_COUNTS));
  return [
    { name: 'pages', count: pages, algorithm: 'sha384', bytes: Buffer.alloc(4096, 1) },
    { name: 'links', count: links, algorithm: 'sha384', bytes: Buffer.alloc(112, 1) },
    { name: 'kernels', count: 10, algorithm: 'sha256', bytes: Buffer.alloc(KERNEL_BYTES, 1) },
  ];
}

/** What hashes cost as bare primitives, on one processor: of each kind the cheapest form, of that the least of the calls. */
class Floor {
  readonly #primitives: readonly Primitive[];
  readonly #costs = new Map<string, Cost[]>();

  constructor(primitives: readonly Primitive[]) {
    this.#primitives = primitives;
  }

  /** Times every primitive in every form once more. */
  async measure(): Promise<void> {
    for (const { name, count, algorithm, bytes } of this.#primitives) {
      for (const [form, encoding] of Object.entries(FORMS)) {
        const key = `${name} as ${form}`;
        const cost = await costOf(() => {
          for (let i = 0; i < count; i++) hash(algorithm, bytes, encoding);
        });
        this.#costs.set(key, [...(this.#costs.get(key) ?? []), cost]);
      }
    }
  }

  get lines(): string[] {
    return [...this.#costs].map(([key, costs]) => `  ${key}: ${inMs(leastOf(costs))}`);
  }

  get text(): string {
    return this.#primitives.map(({ name, count }) => `${count} ${name}`).join(', ');
  }

  get cost(): Cost {
    const cheapest = this.#primitives.map(({ name }) =>
      leastOf([...this.#costs].filter(([key]) => key.startsWith(`${name} `)).flatMap(([, costs]) => costs)),
    );
    const sum = (of: keyof Cost): number => cheapest.reduce((total, cost) => total + cost[of], 0);
    return { wallMs: sum('wallMs'), processorMs: sum('processorMs') };
  }
}

const inMs = ({ wallMs, processorMs }: Cost): string =>
  `${wallMs.toFixed(0)} ms by the clock, ${processorMs.toFixed(0)} ms of processors`;

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

/** What bin/snp-conform runs: the code of its bundle, which has programs for threads, as an installed package has. */
async function bundled(): Promise<typeof predictMatrix> {
  execFileSync(join(packageRoot(), 'bin', 'snp-conform'), ['--version'], { stdio: 'ignore' });
  const cache = join(packageRoot(), 'node_modules', '.cache', 'snp-conform');
  const newest = readdirSync(cache)
    .filter((name) => /^bundle-\d+$/.test(name))
    .sort()
    .at(-1);
  const code = join(cache, newest ?? '', 'cli', 'lib', 'runner', 'predict-all.mjs');
  return ((await import(pathToFileURL(code).href)) as { predictMatrix: typeof predictMatrix }).predictMatrix;
}

/** Rounds of primitives and predictions in turn, so that other work on the machine slows both. */
const ROUNDS = 20;

const bench = prepare();
try {
  const predictAll = await bundled();
  const floor = new Floor(unavoidable(bench.images));
  const runs: Cost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await floor.measure();
    const cost = await costOf(async () => {
      const cells = await predictAll(bench.matrixFile, [DEFAULT_VMM_PROFILE], CACHE);
      if (cells.length !== 10_000) throw new Error('not 10,000 cells');
    });
    runs.push(cost);
  }
  const [run, least] = [leastOf(runs), floor.cost];
  const load = loadavg().map((of) => of.toFixed(1));
  console.log(`load of the machine: ${load.join(' ')}; the least of ${ROUNDS} rounds`);
  console.log(`10,000 cells: ${inMs(run)}`);
  console.log(`the unavoidable hashes alone (${floor.text}), each in its cheapest form: ${inMs(least)}`);
  console.log(floor.lines.join('\n'));
  const [wall, processors] = [run.wallMs / least.wallMs, run.processorMs / least.processorMs];
  console.log(`ratio: ${wall.toFixed(2)} by the clock (two threads), ${processors.toFixed(2)} of processors`);
  await singlePredictions();
} finally {
  rmSync(bench.folder, { recursive: true, force: true });
}
