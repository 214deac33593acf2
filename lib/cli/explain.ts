import { Command, Option } from 'commander';
import { EXIT_CODES } from '../errors.ts';
import { answerJson, answerText, isExplained } from '../explain/answer.ts';
import type { Direction } from '../explain/explanation.ts';
import { type DigestText, readDigestOfAnyGuest } from '../identity/digest-text.ts';
import { DIGEST_BYTES } from '../measure/launch-context.ts';
import { answerQuestion } from '../runner/answer.ts';
import { explainEvidence } from './explain-evidence.ts';
import { wholeLaunch } from './from-argv.ts';
import { knownFromLaunch, knownFromOptions, knownFromSvsmOptions, type ReadLaunch } from './known-launch.ts';
import { parseCount } from './numbers.ts';
import { checkMode } from './predict-modes.ts';
import { addLaunchInputOptions, launchIsGiven, type PredictOptions, usage } from './predict-options.ts';
import { SearchScreen } from './search-screen.ts';

interface ExplainOptions extends PredictOptions {
  observed?: DigestText;
  expected?: DigestText;
  artifacts?: string[];
  timeLimit: number;
  evidence?: string;
}

const COMMAND = 'snp-conform explain';
const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const;

const EXAMPLES = `
Examples:
  snp-conform explain --observed "$MEASUREMENT" --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4
  snp-conform explain --observed "$MEASUREMENT" --from-argv launch.sh --artifacts /srv/artifacts
  snp-conform explain --from-argv /proc/4711/cmdline        # the ID block in it expects another digest
  snp-conform explain --evidence reports/run
  snp-conform explain --expected "$PUBLISHED" --from-argv launch.sh --json`;

/** A digest that is to be explained, and which way round. */
interface Question {
  target: DigestText;
  direction: Direction;
}

async function readLaunch(options: ExplainOptions): Promise<ReadLaunch & { idBlockDigest: Uint8Array | null }> {
  const folders = options.artifacts ?? [];
  if (!launchIsGiven(options)) {
    checkMode(options);
    if (options.mode === 'svsm') return { ...(await knownFromSvsmOptions(options)), idBlockDigest: null };
    if (options.mode !== 'snp')
      throw usage(`--mode ${options.mode} is not searched`, 'those of SNP guests are: snp, svsm', COMMAND);
    return { ...(await knownFromOptions(options, folders)), idBlockDigest: null };
  }
  const launch = await wholeLaunch(options);
  const idBlock = launch.snp?.idBlock ?? null;
  return {
    ...(await knownFromLaunch(launch, options, folders)),
    idBlockDigest: idBlock?.slice(0, DIGEST_BYTES) ?? null,
  };
}

function questionOf({ observed, expected }: ExplainOptions, idBlockDigest: Uint8Array | null): Question {
  if (observed !== undefined) return { target: observed, direction: 'observed' };
  if (expected !== undefined) return { target: expected, direction: 'expected' };
  if (idBlockDigest !== null)
    return { target: { digest: idBlockDigest, form: 'hex', remark: null }, direction: 'expected' };
  throw usage(
    'no digest is given that is to be explained',
    'give what the host measured with --observed, or what was expected of the launch with --expected; a launch with an ID block has it in there',
    COMMAND,
  );
}

async function run(options: ExplainOptions): Promise<void> {
  const screen = new SearchScreen(process.stderr);
  const interrupt = (): void => {
    screen.interrupted();
    process.exit(EXIT_CODES.infrastructure);
  };
  for (const signal of INTERRUPTS) process.once(signal, interrupt);
  try {
    await explain(options, screen);
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
  }
}

async function explain(options: ExplainOptions, screen: SearchScreen): Promise<void> {
  if (options.evidence !== undefined) {
    const format = options.json ? 'json' : 'text';
    const { text, explained } = await explainEvidence(options.evidence, format, options.timeLimit * 1000);
    process.stdout.write(text);
    if (!explained) process.exitCode = EXIT_CODES.failure;
    return;
  }
  const start = performance.now();
  const read = await readLaunch(options);
  const question = questionOf(options, read.idBlockDigest);
  const { form } = question.target;
  const limitMs = options.timeLimit * 1000 - (performance.now() - start);
  const { known, image } = read;
  const { target, direction } = question;
  const given = await answerQuestion(
    { known, image, target: target.digest, direction },
    { limitMs: Math.max(0, limitMs), cores: 'all', onProgress: (progress) => screen.show(progress) },
  ).finally(() => screen.end());
  const notes = [...(form === 'hex' ? [] : [`the digest was given as ${form}`]), ...read.notes];
  process.stderr.write(notes.map((note) => `note: ${note}\n`).join(''));
  process.stdout.write(options.json ? `${JSON.stringify(answerJson(given), null, 2)}\n` : answerText(given));
  if (!isExplained(given)) process.exitCode = EXIT_CODES.failure;
}

/** `snp-conform explain`: which input is another than was thought, when a launch digest is. */
export function explainCommand(): Command {
  const command = new Command('explain');
  return addLaunchInputOptions(command)
    .addOption(
      new Option('--observed <digest>', 'what the host measured: MEASUREMENT of a report, hex or base64')
        .argParser((text) => readDigestOfAnyGuest(text, '--observed'))
        .conflicts('expected'),
    )
    .addOption(
      new Option(
        '--expected <digest>',
        'what was expected of the launch that is given: LD of an ID block, hex or base64',
      ).argParser((text) => readDigestOfAnyGuest(text, '--expected')),
    )
    .addOption(
      new Option(
        '--evidence <path>',
        'explain what was kept: the directory of a run, the file of a cell, or a recording',
      ).conflicts(['observed', 'expected', 'fromArgv', 'fromLibvirt', 'ovmf', 'firmwareDescriptor']),
    )
    .option('--artifacts <folder...>', 'folders of firmware, kernel and initrd files that the host may have used')
    .option(
      '--time-limit <seconds>',
      'how long is searched',
      (text) => parseCount(text, '--time-limit', 'NUMBER_INVALID'),
      60,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action(run);
}
