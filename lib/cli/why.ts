import { existsSync, statSync } from 'node:fs';
import { Command } from 'commander';
import { HarnessError } from '../errors.ts';
import type { KnownRefusal } from '../refusals/known-refusal.ts';
import { type Mention, recogniseLog } from '../refusals/log.ts';
import { refusalsPage } from '../refusals/page.ts';
import { type Recognised, recogniseCode, recogniseLine, similarCode } from '../refusals/recognise.ts';
import { quoted } from '../text.ts';
import { readFileOrInput } from './file-or-input.ts';

interface WhyFlags {
  log?: string;
  list?: true;
  json?: true;
}

const EXAMPLES = `
Examples:
  snp-conform why "SNP_LAUNCH_FINISH ret=-5 fw_error=11"
  snp-conform why POLICY_FAILURE
  snp-conform why 0x16
  snp-conform why -22
  snp-conform why --log /var/log/libvirt/qemu/guest.log
  journalctl -k | snp-conform why -

Exit code 2: nothing of it is in the table.`;

const LOG_BYTES_MAX = 64 * 1024 * 1024;
const LOG_HINT =
  'libvirt keeps that of a guest in /var/log/libvirt/qemu/NAME.log, a run in the evidence of its cells; a line alone: snp-conform why "LINE"';
/** What was asked: a code, a name or a line alone, or a line of a log. */
type Asked = Mention | (Recognised & { lineNumber: null; line: string; repeated: 0 });

function refuse(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'REFUSAL_UNKNOWN', what, where: 'snp-conform why', hint });
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

async function ofLog(path: string): Promise<Mention[]> {
  const log = Buffer.from(await readFileOrInput(path, 'log', LOG_BYTES_MAX, LOG_HINT)).toString('utf8');
  const mentions = recogniseLog(log);
  if (mentions.length > 0) return mentions;
  const lines = log.split('\n').length;
  throw refuse(
    `nothing of ${path === '-' ? 'standard input' : path} (${lines} lines) is in the table of errors`,
    'see `snp-conform why --list`; a launch that was refused leaves its line on the standard error of QEMU',
  );
}

async function askedIn(words: readonly string[], { log }: WhyFlags): Promise<Asked[]> {
  const text = words.join(' ').trim();
  if (log !== undefined) return ofLog(log);
  if (text === '-' || (words.length === 0 && !process.stdin.isTTY)) return ofLog('-');
  if (text === '') {
    const hint = 'give a line, a code or a name; or a log with --log, or on standard input with -';
    throw new HarnessError({ code: 'USAGE', what: 'nothing is asked', where: 'snp-conform why', hint });
  }
  if (text.includes('\n')) {
    const mentions = recogniseLog(text);
    if (mentions.length > 0) return mentions;
  }
  const recognised = recogniseCode(text) ?? recogniseLine(text);
  if (recognised !== null) return [{ ...recognised, lineNumber: null, line: text, repeated: 0 }];
  if (words.length === 1 && isFile(text)) return ofLog(text);
  const similar = similarCode(text);
  throw refuse(
    `${JSON.stringify(quoted(text))} is not in the table of errors`,
    `${similar === undefined ? '' : `did you mean ${similar}? `}see \`snp-conform why --list\``,
  );
}

function refusalText({ id, name, refusedBy, blames, meaning, cause, remedy, source }: KnownRefusal): string {
  const who = {
    firmware: 'the firmware',
    kvm: 'KVM',
    kernel: 'the kernel',
    qemu: 'QEMU',
    ovmf: 'OVMF',
    libvirt: 'libvirt',
  };
  const of = blames === 'machine' ? 'of the machine, not of what was launched' : 'of what was launched, or how';
  return [
    `${name}`,
    `  said by       ${who[refusedBy]}; it tells ${of}`,
    `  meaning       ${meaning}`,
    `  likely cause  ${cause}`,
    `  what to do    ${remedy}`,
    `  source        ${source} [${id}]`,
  ].join('\n');
}

function mentionText({ lineNumber, line, repeated, refusals, unknown }: Asked): string {
  const again = repeated === 0 ? '' : `, and ${repeated} more`;
  return [
    ...(lineNumber === null ? [] : [`line ${lineNumber}${again}: ${quoted(line)}`]),
    ...refusals.map(refusalText),
    ...(unknown === null ? [] : [`${unknown} is not in the table of errors`]),
  ].join('\n\n');
}

function json(mentions: readonly Asked[]): string {
  const written = mentions.map(({ lineNumber, line, repeated, refusals, unknown }) => ({
    lineNumber,
    line: quoted(line),
    repeated,
    refusals: refusals.map(({ recognition: _, ...told }) => told),
    unknown,
  }));
  return `${JSON.stringify(written, null, 2)}\n`;
}

async function run(words: readonly string[], flags: WhyFlags): Promise<void> {
  if (flags.list) {
    process.stdout.write(refusalsPage());
    return;
  }
  const stray = words.find((word) => word.startsWith('--'));
  if (stray !== undefined) {
    const hint = 'known options: --log, --list, --json';
    throw new HarnessError({ code: 'USAGE', what: `unknown option ${stray}`, where: 'snp-conform why', hint });
  }
  const mentions = await askedIn(words, flags);
  process.stdout.write(flags.json ? json(mentions) : `${mentions.map(mentionText).join('\n\n')}\n`);
  if (mentions.some(({ refusals }) => refusals.length > 0)) return;
  const unknown = mentions.map((mention) => mention.unknown).join(', ');
  throw refuse(`${unknown}: not in the table of errors`, 'see `snp-conform why --list`');
}

/** `snp-conform why`: what a refusal means, its likely cause, and what to do. */
export function whyCommand(): Command {
  return (
    new Command('why')
      .argument('[words...]', 'a line of a log, a code (11, 0xb, -22) or a name; - for a log on standard input')
      .option('--log <file>', 'a log; - for standard input')
      .option('--list', 'print the whole table of errors, as Markdown')
      .option('--json', 'print JSON')
      // Codes of the kernel are negative, and look like options.
      .allowUnknownOption()
      .addHelpText('after', EXAMPLES)
      .action((words: string[], flags: WhyFlags) => run(words, flags))
  );
}
