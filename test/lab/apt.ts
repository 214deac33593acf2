import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asHarnessError, HarnessError } from '../../lib/errors.ts';
import { command } from './command.ts';
import { type AptSource, INDEX_FORMAT, parseIndexTargets, parseRelease, parseStanza, sourcesList } from './debian.ts';

const DEBIAN_KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A package as an index lists it. */
export interface ListedPackage {
  name: string;
  version: string;
  suite: string;
  depends: string;
}

/** The release of this machine and the package sources that it trusts. */
export async function machineSources(): Promise<{ release: ReturnType<typeof parseRelease>; sources: AptSource[] }> {
  const release = parseRelease(await readFile('/etc/os-release', 'utf8'));
  if (release.id !== 'debian' || !existsSync('/usr/bin/apt-get')) {
    throw new HarnessError({
      code: 'HOST_COMMAND',
      what: `packages can be fetched on Debian only; this is ${release.id || 'an unknown system'} ${release.codename}`,
      where: 'this machine',
      hint: 'run the tests on Debian 12 or newer, or in a container of it',
    });
  }
  // Without release information apt also names what was never fetched: a fresh machine has no lists at all.
  const targets = ['indextargets', '--no-release-info', '--format', INDEX_FORMAT, 'Created-By: Packages'] as const;
  return { release, sources: parseIndexTargets(await command(['apt-get', ...targets])) };
}

/**
 * An apt of our own beside the system's: own sources, lists and archives, all in one folder. The system's sources are
 * read, never written.
 */
export class PrivateApt {
  /** The configuration file; `APT_CONFIG=<it> apt-get ...` is this apt. */
  readonly configPath: string;
  private readonly folder: string;
  private readonly sources: readonly AptSource[];
  private listTrouble: HarnessError | undefined;

  private constructor(folder: string, sources: readonly AptSource[]) {
    this.folder = folder;
    this.sources = sources;
    this.configPath = join(folder, 'apt.conf');
  }

  /**
   * Configures an apt in a new folder and removes those of earlier set-ups; fetches nothing. The caller holds the lock.
   * The folder is new because apt goes on for a while, in its own, when the process that started it is killed.
   */
  static async create(cache: string, purpose: string, sources: readonly AptSource[]): Promise<PrivateApt> {
    const parent = join(cache, 'apt');
    await mkdir(parent, { recursive: true });
    for (const name of await readdir(parent)) {
      if (name.startsWith(`${purpose}-`)) await rm(join(parent, name), { recursive: true, force: true });
    }
    const apt = new PrivateApt(await mkdtemp(join(parent, `${purpose}-`)), sources);
    await apt.configure();
    return apt;
  }

  private async configure(): Promise<void> {
    const { folder } = this;
    for (const part of ['lists/partial', 'cache/archives/partial'])
      await mkdir(join(folder, part), { recursive: true });
    const keyring = existsSync(DEBIAN_KEYRING) ? DEBIAN_KEYRING : undefined;
    await writeFile(join(folder, 'sources.list'), sourcesList(this.sources, keyring));
    const users = process.env.APT_CONFIG;
    const lines = [
      ...(users ? [`#include "${users}";`] : []),
      `Dir::Etc::sourcelist "${folder}/sources.list";`,
      'Dir::Etc::sourceparts "-";',
      `Dir::State::lists "${folder}/lists";`,
      `Dir::Cache "${folder}/cache";`,
      'Dir::Cache::pkgcache "pkgcache.bin";',
      'DPkg::Lock::Timeout "600";',
      'Acquire::Retries "3";',
      // By default a list that cannot be fetched is a warning, and the exit status is 0.
      'APT::Update::Error-Mode "any";',
      // The cache may be in a home folder, which apt's own unprivileged user cannot enter.
      'APT::Sandbox::User "root";',
      // What desktops hang on an update of the system's lists is not for these.
      '#clear APT::Update::Post-Invoke;',
      '#clear APT::Update::Post-Invoke-Success;',
    ];
    await writeFile(this.configPath, `${lines.join('\n')}\n`);
  }

  /** Fetches the package lists. A suite that the mirror does not have is told later, by what was looked for in it. */
  async update(): Promise<void> {
    try {
      await this.run(['apt-get', 'update', '--quiet']);
    } catch (thrown) {
      this.listTrouble = asHarnessError(thrown, { code: 'HOST_COMMAND' });
    }
  }

  /**
   * Finds a package in the first of the suites that has it.
   * @throws HarnessError HOST_COMMAND when none has
   */
  async find(name: string, suites: readonly string[]): Promise<ListedPackage> {
    for (const suite of suites) {
      const stanza = await this.show(`${name}/${suite}`);
      const version = stanza?.get('Version');
      if (version !== undefined) return { name, version, suite, depends: stanza?.get('Depends') ?? '' };
    }
    throw new HarnessError({
      code: 'HOST_COMMAND',
      what: `no package ${name} in ${suites.join(' or ')}${this.listTrouble ? `; ${this.listTrouble.what}` : ''}`,
      where: 'the Debian mirror of this machine',
      hint: `its sources are in ${this.folder}/sources.list`,
      cause: this.listTrouble,
    });
  }

  /** Fetches a package into the folder, without installing it; its signature chain is apt's to check. */
  async download(wanted: ListedPackage, folder: string): Promise<void> {
    await this.run(['apt-get', 'download', '--quiet', `${wanted.name}=${wanted.version}`], folder);
  }

  /**
   * Fetches packages and everything that they need, as if nothing were installed, into a folder that is made.
   * @param wanted as apt is told: `name`, or `name=version`   @returns paths of the archives
   */
  async downloadWithAllTheyNeed(wanted: readonly string[], folder: string): Promise<string[]> {
    await mkdir(join(folder, 'partial'), { recursive: true });
    const nothingInstalled = join(this.folder, 'no-status');
    await writeFile(nothingInstalled, '');
    const options = ['-o', `Dir::State::status=${nothingInstalled}`, '-o', `Dir::Cache::archives=${folder}`];
    const how = ['--download-only', '--yes', '--quiet', '--no-install-recommends'];
    await this.run(['apt-get', ...options, 'install', ...how, ...wanted]);
    return (await readdir(folder)).filter((file) => file.endsWith('.deb')).map((file) => join(folder, file));
  }

  /** Installs packages on this machine; targetRelease prefers that suite for them and what they need. */
  async install(packages: readonly string[], targetRelease: string | null): Promise<void> {
    const target = targetRelease === null ? [] : ['--target-release', targetRelease];
    await this.run(['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...target, ...packages]);
  }

  /** Removes the folder: lists go stale, and are over 100 MB. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async show(wanted: string): Promise<ReadonlyMap<string, string> | undefined> {
    try {
      return parseStanza(await this.run(['apt-cache', 'show', wanted]));
    } catch {
      // apt-cache exits 100 for a suite or a package that it does not know, which here is an answer.
      return undefined;
    }
  }

  private run(argv: readonly [string, ...string[]], cwd?: string): Promise<string> {
    const env = { APT_CONFIG: this.configPath, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
    return command(argv, { env, ...(cwd === undefined ? {} : { cwd }) });
  }
}
