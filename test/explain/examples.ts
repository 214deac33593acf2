import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import {
  knownFromLaunch,
  knownFromOptions,
  knownFromSvsmOptions,
  type ReadLaunch,
} from '../../lib/cli/known-launch.ts';
import { ovmfHashInput, sevEsInputs, sevInputs, snpInputs, svsmInputs } from '../../lib/cli/predict-inputs.ts';
import { addLaunchInputOptions, type PredictOptions } from '../../lib/cli/predict-options.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import { predict } from '../../lib/measure/predict.ts';
import { predictSev, predictSevEs } from '../../lib/measure/sev.ts';
import { predictSvsm } from '../../lib/measure/svsm.ts';
import { parseLaunch } from '../../lib/qemu/launch-options.ts';
import { splitShell } from '../../lib/qemu/shell-words.ts';
import { projectPath } from '../support/paths.ts';
import { digestByHand } from './hand-made.ts';

/** One example of docs/mismatch-causes.md. */
export interface Example {
  cause: string;
  line: number;
  predicted: string;
  measured: string;
  explained: string;
}

/** The examples of the page, in its order. */
export function readExamples(): Example[] {
  const page = readFileSync(projectPath('docs', 'mismatch-causes.md'), 'utf8');
  const blocks = page.matchAll(/^### (\S+)$|^```explain\npredicted ?(.*)\nmeasured ?(.*)\nexplained ?(.*)\n```$/gm);
  let cause = '';
  return [...blocks].flatMap(({ 1: heading, 2: predicted, 3: measured, 4: explained, index }) => {
    if (heading !== undefined) cause = heading;
    if (predicted === undefined || measured === undefined || explained === undefined) return [];
    const line = page.slice(0, index).split('\n').length;
    return [{ cause, line, predicted: predicted.trim(), measured: measured.trim(), explained: explained.trim() }];
  });
}

const FILES = /^(?:[a-z]+\/)*(?:OVMF\w*|other|older|unified|vmlinuz|initrd|rescue|svsm(?=\.bin))(?:\.\w+)?$/;

/** The words of a line: short forms written out, names of files in their folder. */
function wordsOf(line: string, folder: string): string[] {
  const written = line
    .replace(/^KERNEL/, '--kernel vmlinuz --initrd initrd.img')
    .replaceAll(/\$'([^']*)'/g, (_, text: string) => `'${text.replaceAll('\\n', '\n')}'`);
  const words = splitShell(written)
    .flat()
    .map(({ text }) => text);
  return words.map((word) => {
    if (word === 'PAGES_OF_OTHER') {
      const { pagesDigest } = describeFirmware(readFileSync(join(folder, 'other.fd')));
      return Buffer.from(pagesDigest).toString('hex');
    }
    return FILES.test(word) ? join(folder, word) : word;
  });
}

function optionsOf(line: string, folder: string): PredictOptions {
  const command = addLaunchInputOptions(new Command().exitOverride());
  const words = wordsOf(line, folder);
  const type = words.some((word) => /^--(?:vmm|vcpu-(?:type|sig|family))$/.test(word))
    ? []
    : ['--vcpu-type', 'EPYC-v4'];
  const vcpus = words.includes('snp-ovmf-hash') || words.includes('sev') ? [] : ['--vcpus', '4', ...type];
  return command
    .parse(['--ovmf', join(folder, 'OVMF.fd'), ...vcpus, ...words], { from: 'user' })
    .opts<PredictOptions>();
}

/** What the line `predicted` gives to `explain`: options of predict, or of QEMU where they begin with one dash. */
export async function predictedLaunch(line: string, folder: string): Promise<ReadLaunch> {
  if (line.includes('--mode svsm')) return knownFromSvsmOptions(optionsOf(line, folder));
  if (!/^-[a-z]/.test(line)) return knownFromOptions(optionsOf(line, folder), []);
  const off = line.includes('kernel-hashes=off') ? ',kernel-hashes=off' : '';
  const object = `sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1${off}`;
  const words = wordsOf(line.replace(' kernel-hashes=off', ''), folder);
  const smp = words.includes('-smp') ? [] : ['-smp', '4'];
  const argv = [
    ...['-machine', 'q35,confidential-guest-support=sev0', '-object', object, '-cpu', 'EPYC-v4', ...smp],
    ...['-bios', join(folder, 'OVMF.fd'), ...words],
  ];
  const launch = parseLaunch({
    binary: 'qemu-system-x86_64',
    form: 'json',
    words: argv.map((text) => ({ text, unknown: null })),
  });
  return knownFromLaunch(launch, { mode: 'snp', fpuState: true }, []);
}

/** The digest that the line `measured` stands for. */
export async function measuredDigest({ predicted, measured }: Example, folder: string): Promise<Uint8Array> {
  if (measured.startsWith('by hand: ')) {
    const { inputs } = await snpInputs(optionsOf(predicted, folder));
    return digestByHand(measured.slice('by hand: '.length), inputs);
  }
  const options = optionsOf(measured, folder);
  if (options.mode === 'svsm') return predictSvsm(await svsmInputs(options));
  if (options.mode === 'sev') return predictSev(await sevInputs(options));
  if (options.mode === 'sev-es') return predictSevEs(await sevEsInputs(options));
  if (options.mode === 'snp-ovmf-hash') return (await ovmfHashInput(options)).pagesDigest;
  return predict((await snpInputs(options)).inputs).launchDigest;
}
