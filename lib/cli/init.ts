import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { execa } from 'execa';
import { cacheDirectory } from '../cache.ts';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import { makeFolder } from '../evidence/folders.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import { openHostSession } from '../host/open-session.ts';
import { examineHost } from '../host/preflight/examine.ts';
import { TreePacker } from '../host/qemu-tree.ts';
import type { Session } from '../host/session.ts';
import { columns } from '../reporters/table.ts';
import { kvmShim } from '../runner/open-host.ts';
import { packageRoot } from '../runner/package-root.ts';
import { type Person, personAtTerminal } from './ask.ts';
import { choose, type FileFlags, gather, lookAround, offerRows, qemuNames } from './init-choices.ts';
import { featuresOf, INIT_FILES, initFiles } from './init-files.ts';
import { entryOf, type HostFlags, hostOf, profileOf, USUAL_PROFILE, type WrittenHost } from './init-host.ts';
import { parseCount } from './numbers.ts';

interface InitFlags extends HostFlags, FileFlags {
  yes?: true;
  /** False: --no-run. */
  run?: boolean;
}

const EXAMPLES = `
Examples:
  snp-conform init
  snp-conform init lab --local --emulated --yes
  snp-conform init lab --host snp@milan-1.lab.example --key ~/.ssh/id_ed25519
  snp-conform init lab --host root@192.0.2.7:2222 --emulated amd-6.8 --ovmf OVMF.amdsev.fd --no-run

It asks on a terminal for what the options leave open; --yes takes the usual answers. Files that are there are never
overwritten. On hardware guests are launched as they are; --emulated needs no SNP hardware, and its evidence is called so.
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function usage(what: string, hint: string): HarnessError {
  return new HarnessError({ code: 'USAGE', what, where: 'snp-conform init', hint });
}

/** Refuses a folder in which one of the files is there. @throws HarnessError OUTPUT_UNWRITABLE */
function checkFree(folder: string): void {
  const there = INIT_FILES.filter((name) => existsSync(join(folder, name)));
  if (there.length === 0) return;
  throw new HarnessError({
    code: 'OUTPUT_UNWRITABLE',
    what: `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already, and nothing is overwritten`,
    where: folder,
    hint: 'name an empty folder: snp-conform init FOLDER; or go on with what is there: snp-conform run',
  });
}

/** Where guests are launched, asked for where no option says it. @throws HarnessError USAGE where nobody can be asked */
async function placed(flags: InitFlags, person: Person | undefined): Promise<InitFlags> {
  if (flags.host !== undefined || flags.local) return flags;
  if (person === undefined) {
    throw usage('where are guests to be launched?', 'give --local for this machine, or --host USER@ADDRESS');
  }
  const answer = await person.line('Where are guests launched: USER@ADDRESS, or here?', 'here');
  return answer === 'here' ? { ...flags, local: true } : { ...flags, host: answer };
}

/** Why a machine cannot launch SNP guests itself; undefined where it can. */
async function whyNoHardware(host: WrittenHost, session: Session, folder: string): Promise<string | undefined> {
  const trees = new TreePacker(cacheDirectory(process.env, homedir()));
  const { state, findings } = await examineHost(entryOf(host, folder), session, null, trees);
  if (state === 'ready') return undefined;
  const told = findings.filter(({ level }) => level === 'error' || level === 'cannot');
  return told.map(({ what, fix }) => `  ${what}${fix === null ? '' : `\n    fix: ${fix}`}`).join('\n');
}

/** The profile that the host passes for; undefined: guests are launched on its own hardware. */
async function emulated(
  flags: InitFlags,
  host: WrittenHost,
  { session, folder, person }: { session: Session; folder: string; person: Person | undefined },
): Promise<string | undefined> {
  const profile = profileOf(flags);
  if (profile !== undefined) return profile;
  const why = await whyNoHardware(host, session, folder);
  if (why === undefined) return undefined;
  say(`${session.name} cannot launch SNP guests on its own hardware:\n${why}`);
  const go = person === undefined ? flags.yes === true : await person.yes('Launch on an emulated host there?');
  if (!go) throw usage('there is nothing to launch on', 'mend what is said above, or add --emulated');
  say(`so it is an emulated host (${USUAL_PROFILE}): the real QEMU and OVMF, and an emulated SNP firmware`);
  return USUAL_PROFILE;
}

/** Can a suite in the folder import the package? Else where its sources are. */
function sourcesFor(folder: string): string | null {
  try {
    createRequire(join(folder, 'suites', 'first.spec.ts')).resolve('snp-conform');
    return null;
  } catch {
    return packageRoot(); // Not installed there; the reason does not matter.
  }
}

async function write(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    if (existsSync(path)) say(`${name} is there and stays as it is`);
    else await writeFileAtomically(path, content);
  }
}

/** The command line of this package, as somebody in the folder types it. */
function programName(folder: string): string {
  return sourcesFor(folder) === null ? 'npx snp-conform' : join(packageRoot(), 'bin', 'snp-conform');
}

async function firstRun(folder: string): Promise<number> {
  say('\nThe first run:');
  const program = join(packageRoot(), 'bin', 'snp-conform');
  const done = await execa(process.execPath, [program, 'run', '--config', 'playwright.config.ts'], {
    ...{ cwd: folder, stdio: ['ignore', 'inherit', 'inherit'], reject: false },
  });
  return done.exitCode ?? EXIT_CODES.infrastructure;
}

async function init(target: string, given: InitFlags): Promise<void> {
  const folder = resolve(target);
  checkFree(folder);
  const person = given.yes || !process.stdin.isTTY ? undefined : personAtTerminal();
  const flags = await placed(given, person);
  const bare = hostOf(flags);
  makeFolder(folder, 'the folder');
  const session = await openHostSession(entryOf(bare, folder));
  try {
    const cache = cacheDirectory(process.env, homedir());
    const fetched = ['ovmf-amdsev', 'ovmf-x64'].map((name) => join(cache, 'artifacts', name));
    const offer = await lookAround(session, flags, flags.local ? fetched : []);
    say(flags.local ? 'Found here:' : `Found on ${session.name}:`);
    for (const line of columns(offerRows(offer))) say(`  ${line}`);
    const chosen = await choose(offer, flags, session, person);
    const withQemu = { ...bare, qemu: qemuNames(chosen.qemu) };
    const profile = await emulated(flags, withQemu, { session, folder, person });
    // What is missing here for an emulated host is said before anything is written.
    if (profile !== undefined) await kvmShim(cache);
    const guestFeatures = profile === undefined ? 1n : featuresOf(profile);
    const tags = [`features-0x${guestFeatures.toString(16)}`];
    const host = { ...withQemu, tags, ...(profile === undefined ? {} : { emulation: { profile } }) };
    entryOf(host, folder);
    const artifacts = await gather(chosen, flags, folder, say);
    const qemu = Object.keys(host.qemu);
    const files = initFiles({ host, guestFeatures, ...artifacts, qemu, sources: sourcesFor(folder) });
    await write(folder, files);
    say(`Written into ${folder}: ${Object.keys(files).join(', ')}`);
  } finally {
    await session.close();
  }
  const exitCode = given.run === false ? EXIT_CODES.ok : await firstRun(folder);
  if (exitCode !== EXIT_CODES.ok) process.exitCode = exitCode;
  const program = programName(folder);
  const into = relative(process.cwd(), folder);
  say(
    [
      `\nNext${into === '' ? '' : `, in ${into}`}:`,
      `  ${program} run --config playwright.config.ts    your own suites, on every cell of matrix.json`,
      `  ${program} run --suite launch identity policy   what must be accepted, and what must be refused`,
      `  ${program} predict --matrix matrix.json         the launch digests to publish`,
    ].join('\n'),
  );
}

function slotsOf(text: string): number {
  return parseCount(text, '--slots', 'USAGE');
}

/** `snp-conform init`: from an empty folder to a green run. */
export function initCommand(): Command {
  return new Command('init')
    .argument('[folder]', 'where; it is made', '.')
    .addOption(new Option('--host <user@address[:port]>', 'launch on a host over SSH').conflicts('local'))
    .option('--local', 'launch on this machine')
    .option('--key <file>', 'private key for the host; by default the first of ~/.ssh/id_*, else the agent')
    .option('--known-hosts <file>', 'keys of hosts; by default ~/.ssh/known_hosts')
    .option('--emulated [profile]', `an emulated host, which needs no SNP hardware; a kernel such as ${USUAL_PROFILE}`)
    .option('--directory <path>', 'where launches and artifacts live on the host (default: /var/tmp/snp-conform)')
    .option('--slots <count>', 'how many guests run there at once (default: 2)', slotsOf)
    .option('--ovmf <file...>', 'these firmware images, here or on the host, and no others')
    .option('--kernel <file...>', 'these kernels, here or on the host, and no others')
    .option(
      '--initrd <file>',
      'the initrd of the kernels; by default one whose guest reports, made of what the host has',
    )
    .option('--qemu <path...>', 'these QEMU builds on the host, and no others')
    .option('--yes', 'ask nothing')
    .option('--run', 'run once at the end (the default)')
    .option('--no-run', 'only write the files')
    .addHelpText('after', EXAMPLES)
    .action((folder: string, flags: InitFlags) => init(folder, flags));
}
