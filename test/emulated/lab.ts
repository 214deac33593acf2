import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type CellFile, cellFileSchema } from '../../lib/evidence/schema.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { projectPath } from '../support/paths.ts';

/** A host of the lab: the machine of the tests, reached over SSH, passing for a host of a profile. */
export interface LabHost {
  name: string;
  /** Null: not emulated, so that it is what this machine is. */
  profile: string | null;
  tags: string[];
  slots?: number;
  qemu?: string;
  /** The server that reaches it; absent: that of the lab. */
  at?: Sshd;
  /** What else its emulation says. */
  emulation?: Readonly<Record<string, unknown>>;
  /** Fields of hosts.json in place of what the lab writes. */
  change?: Readonly<Record<string, unknown>>;
}

/** The two hosts that the example matrix is for. */
export const EXAMPLE_HOSTS: readonly LabHost[] = [
  { name: 'upstream', profile: 'upstream-6.12', tags: ['features-0x1'], slots: 2 },
  { name: 'amd', profile: 'amd-6.8', tags: ['features-0x21'] },
];

/** What a run of the command line left. */
export interface FinishedRun {
  exitCode: number;
  stdout: string;
  stderr: string;
  junit: string;
  cells: CellFile[];
}

const RUN_MS = 540_000;
const QEMU = '/usr/bin/qemu-system-x86_64';

/** A real OpenSSH server on loopback, hosts.json for it, and the command line. */
export class Lab {
  readonly folder: string;
  readonly #sshd: Sshd;
  /** Added to the environment of the command line. */
  environment: Readonly<Record<string, string>> = {};

  constructor(folder: string, sshd: Sshd) {
    this.folder = folder;
    this.#sshd = sshd;
  }

  static async start(): Promise<Lab> {
    return new Lab(await mkdtemp(join(tmpdir(), 'snp-lab-')), await startSshd());
  }

  /** Where the hosts of this lab keep launches and artifacts. */
  get hostFolder(): string {
    return join(this.folder, 'host');
  }

  async writeHosts(hosts: readonly LabHost[]): Promise<string> {
    const entries = hosts.map(
      ({ name, profile, tags, slots = 1, qemu = QEMU, emulation, at = this.#sshd, change }) => ({
        name,
        kind: 'ssh',
        ...{ address: at.address, port: at.port, user: at.user, privateKey: at.userKeyPath, hostKey: at.hostKeyLine },
        ...{ slots, tags, directory: this.hostFolder, qemu: { default: qemu } },
        ...(profile === null ? {} : { emulation: { profile, ...emulation } }),
        ...change,
      }),
    );
    return this.writeJson('hosts.json', { format: 'snp-conform/hosts@1', hosts: entries });
  }

  async writeJson(name: string, value: unknown): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, JSON.stringify(value, null, 1));
    return path;
  }

  /** Starts the command line as a user does. */
  command(args: readonly string[]) {
    return execa(projectPath('bin', 'snp-conform'), args, {
      reject: false,
      timeout: RUN_MS,
      cwd: this.folder,
      env: this.environment,
      stdin: 'ignore',
    });
  }

  /** `snp-conform run` in a folder of its own, to its end. */
  async run(args: readonly string[], out = 'reports'): Promise<FinishedRun> {
    const { exitCode = -1, stdout, stderr } = await this.command(['run', '--out', out, ...args]);
    const reports = join(this.folder, out);
    return {
      exitCode,
      stdout,
      stderr,
      junit: await textOf(join(reports, 'junit.xml')),
      cells: await cellFiles(join(reports, 'run')),
    };
  }

  async stop(): Promise<void> {
    await this.#sshd.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

async function cellFiles(runDirectory: string): Promise<CellFile[]> {
  const folder = join(runDirectory, 'cells');
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const paths = names.filter((name) => name.endsWith('.json')).map((name) => join(folder, name));
  return Promise.all(paths.sort().map(async (path) => cellFileSchema.parse(JSON.parse(await readFile(path, 'utf8')))));
}

/** Ids of the processes whose command line matches, this one excepted. */
export async function processesWith(pattern: RegExp): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const rows = await Promise.all(
    ids.map(async (id) => ({ id: Number(id), line: await textOf(`/proc/${id}/cmdline`) })),
  );
  return rows.filter(({ line }) => pattern.test(line.replaceAll('\0', ' '))).map(({ id }) => id);
}
