import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { agentInitrdOf } from '../discovery/agent-initrd.ts';
import { artifactName, fetchArtifact, type HostArtifact } from '../discovery/fetch.ts';
import { findOnHost } from '../discovery/find.ts';
import type { Found, FoundFirmware, FoundKernel, FoundQemu } from '../discovery/found.ts';
import { HarnessError } from '../errors.ts';
import { writeFileAtomically } from '../evidence/json-file.ts';
import { LocalSession } from '../host/local-session.ts';
import { QEMU_WANTED } from '../host/preflight/findings.ts';
import type { Session } from '../host/session.ts';
import type { Person } from './ask.ts';
import type { Choices, ChosenArtifact } from './init-files.ts';

/** Options that name files, in place of those that are found. */
export interface FileFlags {
  ovmf?: string[];
  kernel?: string[];
  initrd?: string;
  qemu?: string[];
}

/** Something found, and the session to where it is. */
type Sited<T> = T & { readonly session: Session };

/** What can be launched, and what was found beside it. */
export interface Offer {
  readonly firmware: readonly Sited<FoundFirmware>[];
  readonly kernels: readonly Sited<FoundKernel>[];
  readonly qemu: readonly FoundQemu[];
  readonly leftOut: readonly string[];
}

/** Where files of the matrix go. */
const ARTIFACTS_FOLDER = 'artifacts';
/** So many of one kind are taken unless somebody chooses: a first matrix is small. */
const USUAL = { firmware: 4, kernels: 1, qemu: 4 } as const;

/** A file here is meant before one of that path on the host. */
const isHere = (path: string): boolean => existsSync(resolve(path));

/** Looks on the host, and on this machine for named files that are here. @param firmwareFolders more places on the host */
export async function lookAround(
  session: Session,
  flags: FileFlags,
  firmwareFolders: readonly string[],
): Promise<Offer> {
  const here = session instanceof LocalSession ? session : new LocalSession('here');
  const split = (paths: readonly string[] | undefined, want: boolean): string[] | undefined =>
    paths?.filter((path) => isHere(path) === want).map((path) => (want ? resolve(path) : path));
  const named = (want: boolean) => ({
    firmware: split(flags.ovmf, want) ?? [],
    kernels: split(flags.kernel, want) ?? [],
  });
  const there = {
    ...(flags.ovmf && { firmware: named(false).firmware }),
    ...(flags.kernel && { kernels: named(false).kernels }),
    ...(flags.qemu && { qemu: flags.qemu }),
    firmwareFolders,
  };
  const [onHost, onThis] = await Promise.all([
    findOnHost(session, there),
    findOnHost(here, { ...named(true), qemu: [] }),
  ]);
  const at = <T extends object>(rows: readonly T[], site: Session): Sited<T>[] =>
    rows.map((row) => ({ ...row, session: site }));
  return {
    firmware: [...at(onThis.firmware, here), ...at(onHost.firmware, session)],
    kernels: [...at(onThis.kernels, here), ...at(onHost.kernels, session)],
    qemu: onHost.qemu,
    leftOut: [...onThis.leftOut, ...onHost.leftOut],
  };
}

/** What was found, one line each: for people. */
export function offerRows({ firmware, kernels, qemu, leftOut }: Offer): string[][] {
  return [
    ...firmware.map(({ path, unusable, holdsKernelHashes }) => [
      'firmware',
      path,
      unusable ??
        (holdsKernelHashes ? 'launches SNP guests, holds kernel hashes' : 'launches SNP guests, no kernel hashes'),
    ]),
    ...kernels.map(({ path, modules, initrd }) => [
      'kernel',
      path,
      [modules === null ? 'no modules' : 'with modules', initrd === null ? 'no initrd' : `initrd ${initrd}`].join(', '),
    ]),
    ...qemu.map(({ path, version, unusable }) => ['QEMU', path, unusable ?? `${version}, launches SNP guests`]),
    ...leftOut.map((words) => ['left out', words, '']),
  ];
}

/** Some of what is usable: all where nobody is asked, up to a bound; what was named by hand is taken whole. */
async function pick<T>(
  usable: readonly T[],
  {
    person,
    question,
    words,
    most,
  }: { person: Person | undefined; question: string; words: (one: T) => string; most: number },
): Promise<T[]> {
  if (person === undefined || usable.length < 2) return usable.slice(0, most);
  return person.some(question, usable, words);
}

function missing(
  code: 'OVMF_NO_SNP_METADATA' | 'HOST_QEMU',
  session: Session,
  what: string,
  hint: string,
  rows: readonly string[][],
): HarnessError {
  const seen = rows.map(([, path, words]) => `\n    ${path}: ${words}`).join('');
  return new HarnessError({
    code,
    what: `${what}${seen}${seen === '' ? '' : '\n '}`,
    where: `host ${session.name}`,
    hint,
  });
}

/** What is launched of what was found. @throws HarnessError OVMF_NO_SNP_METADATA, HOST_QEMU where there is nothing */
export async function choose(
  offer: Offer,
  flags: FileFlags,
  session: Session,
  person: Person | undefined,
): Promise<Offer> {
  const rows = offerRows(offer);
  const firmware = offer.firmware.filter(({ unusable }) => unusable === null);
  const qemu = offer.qemu.filter(({ unusable }) => unusable === null);
  if (qemu.length === 0) {
    const hint = `${QEMU_WANTED}, or name a build with --qemu`;
    throw missing(
      'HOST_QEMU',
      session,
      'no QEMU there launches SNP guests',
      hint,
      rows.filter(([kind]) => kind === 'QEMU'),
    );
  }
  if (firmware.length === 0) {
    const hint =
      'install OVMF (Debian: ovmf, Fedora: edk2-ovmf), or name an image with --ovmf; in a checkout, npm run setup fetches some';
    throw missing(
      'OVMF_NO_SNP_METADATA',
      session,
      'no OVMF there starts an SNP guest',
      hint,
      rows.filter(([kind]) => kind === 'firmware'),
    );
  }
  const most = (named: readonly string[] | undefined, usual: number): number => named?.length ?? usual;
  const asked = <T extends { path: string }>(
    question: string,
    usual: number,
    named: readonly string[] | undefined,
  ) => ({
    ...{ person: named === undefined ? person : undefined, question, most: most(named, usual) },
    words: ({ path }: T) => path,
  });
  const takesKernel = firmware.some(({ holdsKernelHashes }) => holdsKernelHashes);
  return {
    firmware: await pick(firmware, asked('Which firmware?', USUAL.firmware, flags.ovmf)),
    qemu: await pick(qemu, asked('Which QEMU builds?', USUAL.qemu, flags.qemu)),
    kernels: takesKernel ? await pick(offer.kernels, asked('Which kernels?', USUAL.kernels, flags.kernel)) : [],
    leftOut: [],
  };
}

/** Fetches what was chosen into the folder. */
class Larder {
  readonly #folder: string;
  readonly #taken = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async fetch(session: Session, artifact: HostArtifact): Promise<ChosenArtifact> {
    const name = artifactName(artifact, this.#taken);
    this.#taken.add(name);
    await fetchArtifact(session, artifact, join(this.#folder, ARTIFACTS_FOLDER), name);
    return { name, path: `${ARTIFACTS_FOLDER}/${name}` };
  }

  async write(name: string, content: Uint8Array): Promise<ChosenArtifact> {
    await writeFileAtomically(join(this.#folder, ARTIFACTS_FOLDER, name), content);
    return { name, path: `${ARTIFACTS_FOLDER}/${name}` };
  }
}

/** The initrd of a kernel: the one that was named, else one whose guest reports; null where that cannot be made. */
async function initrdFor(
  { session, modules, release }: Sited<FoundKernel>,
  named: (HostArtifact & { session: Session }) | undefined,
  larder: Larder,
  say: (line: string) => void,
): Promise<ChosenArtifact | null> {
  if (named !== undefined) return larder.fetch(named.session, named);
  try {
    if (modules === null)
      throw new HarnessError({ code: 'INITRD_INVALID', what: `there is no /lib/modules/${release}` });
    return await larder.write(
      `agent-${release}.img`.replaceAll(/[^A-Za-z0-9._-]/g, '_'),
      await agentInitrdOf(session, modules),
    );
  } catch (thrown) {
    if (!(thrown instanceof HarnessError) || thrown.code.startsWith('SSH_')) throw thrown;
    say(`no initrd whose guest reports could be made for ${release}: ${thrown.what}`);
    say('  on hardware a guest needs one: snp-conform guest-initrd --help');
    return null;
  }
}

/** Names of QEMU builds: the first is the default one, the others are called by their versions. */
export function qemuNames(builds: readonly FoundQemu[]): Record<string, string> {
  const names: Record<string, string> = {};
  for (const { path, version } of builds) {
    const short = `qemu-${(version ?? 'unknown').split(' ', 1)[0]}`
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, '-')
      .slice(0, 36);
    const free = [short, ...Array.from({ length: builds.length }, (_, index) => `${short}-${index + 2}`)].find(
      (name) => !(name in names),
    );
    names[Object.keys(names).length === 0 ? 'default' : (free ?? short)] = path;
  }
  return names;
}

/** Brings what was chosen into the folder. @param say where people read */
export async function gather(
  chosen: Offer,
  flags: FileFlags,
  folder: string,
  say: (line: string) => void,
): Promise<Pick<Choices, 'firmware' | 'kernels'>> {
  const larder = new Larder(folder);
  const firmware: Choices['firmware'][number][] = [];
  for (const { session, holdsKernelHashes, ...image } of chosen.firmware) {
    firmware.push({ ...(await larder.fetch(session, image)), holdsKernelHashes });
  }
  const kernels: Choices['kernels'][number][] = [];
  const [initrd] = flags.initrd === undefined ? [] : await namedFile(flags.initrd, chosen);
  for (const kernel of chosen.kernels) {
    const fetched = await larder.fetch(kernel.session, kernel);
    kernels.push({ ...fetched, initrd: await initrdFor(kernel, initrd, larder, say) });
  }
  return { firmware, kernels };
}

/** A file that was named, here or on the host of the kernels. @throws HarnessError FILE_UNREADABLE */
async function namedFile(path: string, { kernels }: Offer): Promise<(HostArtifact & { session: Session })[]> {
  const session = isHere(path) ? new LocalSession('here') : kernels[0]?.session;
  if (session === undefined) return [];
  const at = isHere(path) ? resolve(path) : path;
  const { found }: { found: Found } = { found: await findOnHost(session, { firmware: [], kernels: [at], qemu: [] }) };
  const [file] = found.kernels;
  if (file === undefined) {
    const hint = 'give the path of a file here, or on the host';
    throw new HarnessError({ code: 'FILE_UNREADABLE', what: '--initrd: there is no such file', where: path, hint });
  }
  return [{ path: file.path, sha256: file.sha256, session }];
}
