import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { readCell } from '../evidence/cell-codec.ts';
import { openRecording } from '../evidence/recording/reader.ts';
import { cellExplanationText } from '../explain/cell-text.ts';
import { summarise } from '../judge/summary.ts';
import { type DemoLaunch, type DemoStage, demoLaunch, liveStage } from '../runner/demo.ts';
import { demoMachine } from '../runner/demo-host.ts';
import { packageRoot } from '../runner/package-root.ts';
import { Replayer } from '../runner/replayer.ts';
import { quoted } from '../text.ts';
import { examples } from './examples.ts';

/** The founding case as it was launched once, for machines that cannot. */
const RECORDING = join('fixtures', 'recordings', 'founding-case.emulated.jsonl.gz');

interface DemoOptions {
  replay?: true;
}

function say(...lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

const indented = (text: string): string[] => text.split('\n').map((line) => `   ${line}`);

/** The line of QEMU that says how the launch ended. */
function refusalLine({ evidence }: DemoLaunch): string {
  return quoted(evidence.outcome.refusal?.line ?? 'QEMU did not refuse the launch');
}

/** Guest features that the explanation says the host measured; undefined where it says something else. */
function measuredFeatures({ explanation }: DemoLaunch): string | undefined {
  const [change, ...others] = explanation?.explanations[0]?.changes ?? [];
  return change?.input === 'guestFeatures' && others.length === 0 ? (change.to ?? undefined) : undefined;
}

/** Tells the story. @returns did it end as it must? */
async function tell({ first, corrected, source }: DemoStage, signal: AbortSignal): Promise<boolean> {
  const launch = await demoLaunch(first, source, signal);
  say(
    `1. Predicted: ${first.vcpus} vCPU ${first.vcpuType}, guest features 0x${first.guestFeatures.toString(16)}.`,
    `   launch digest ${launch.predicted}`,
    '   It is signed into an ID block, so that the firmware refuses anything else.',
    '2. Launched. QEMU ends, and all it says is',
    `   ${refusalLine(launch)}`,
    '   Nobody says what was measured, nor which input was wrong.',
    '3. Launched once more without the ID block, for the report of the guest:',
    ...indented(
      launch.explanation === undefined ? 'there is nothing to explain' : cellExplanationText(launch.explanation),
    ),
  );
  const features = measuredFeatures(launch);
  if (features === undefined) return false;
  const again = await demoLaunch(corrected(features), source, signal);
  say(
    `4. Corrected: guest features ${features}.`,
    `   launch digest ${again.predicted}`,
    ...indented(summarise(again.verdict)),
  );
  return again.verdict.result === 'pass';
}

/** The recording of the founding case as a stage. @throws HarnessError RECORDING_INVALID, FILE_UNREADABLE */
function recordedStage(): DemoStage {
  const recording = openRecording(join(packageRoot(), RECORDING));
  const cells = recording.entries.flatMap(({ cell }) => (cell === null ? [] : [readCell(cell)]));
  const find = (guestFeatures: bigint) => {
    const cell = cells.find((one) => one.guestFeatures === guestFeatures);
    if (cell !== undefined) return cell;
    const what = `the founding case has no cell with guest features 0x${guestFeatures.toString(16)}`;
    throw new HarnessError({ code: 'RECORDING_INVALID', what, where: RECORDING });
  };
  const host = recording.entries[0]?.host ?? '';
  return { first: find(1n), corrected: (features) => find(BigInt(features)), source: new Replayer(host, recording) };
}

async function replayed(why: string): Promise<boolean> {
  say(`The founding case, played back from a recording of an emulated host (${why}); nothing is launched.`, '');
  return tell(recordedStage(), new AbortController().signal);
}

/** Tells the story with real launches. @returns words where this machine cannot */
async function live(): Promise<boolean | string> {
  const cache = cacheDirectory(process.env, homedir());
  const machine = await demoMachine(process.env, cache);
  if (typeof machine === 'string') return machine;
  const folder = await mkdtemp(join(tmpdir(), 'snp-demo-'));
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  let stage: DemoStage | undefined;
  try {
    stage = await liveStage(machine, folder, cache);
    say(
      `The founding case, launched here: QEMU ${machine.version}, ${machine.firmware}, and an emulated host that passes`,
      "for one with AMD's kernel 6.8. This is no SNP hardware, and no kernel boots.",
      '',
    );
    return await tell(stage, interrupted.signal);
  } catch (error) {
    if (error instanceof HarnessError && !interrupted.signal.aborted) return error.what;
    throw error;
  } finally {
    await stage?.source.close();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
    await rm(folder, { recursive: true, force: true });
  }
}

async function run({ replay }: DemoOptions): Promise<void> {
  const told = replay ? 'as asked' : await live();
  const ended = typeof told === 'string' ? await replayed(told) : told;
  if (!ended) process.exitCode = EXIT_CODES.failure;
}

/** `snp-conform demo`: the launch that this tool was made for, refused and explained. */
export function demoCommand(): Command {
  return new Command('demo')
    .option('--replay', 'play the recording back, also where it can be launched here')
    .addHelpText('after', examples('demo', 'demo --replay'))
    .action((options: DemoOptions) => run(options));
}
