import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { succeeds } from './command.ts';

/** A program that the tests run. */
export interface RequiredProgram {
  /** For people, in the list of what is missing. */
  name: string;
  /** Debian packages that bring it. */
  packages: readonly string[];
  /** The release's own may be too old: take it, and what it needs, from the backports. */
  fromBackports: boolean;
  present(): Promise<boolean>;
}

const MINIMUM_QEMU = [9, 1] as const;

/** The version in what `qemu-system-x86_64 --version` printed; undefined where there is none. */
export function parseQemuVersion(text: string): readonly [number, number] | undefined {
  const found = /version (\d+)\.(\d+)/.exec(text);
  return found ? [Number(found[1]), Number(found[2])] : undefined;
}

/** Whether a QEMU has the sev-snp-guest object. Source: QEMU 9.1 release notes, "KVM: SEV-SNP guests". */
export function isNewEnough(version: readonly [number, number] | undefined): boolean {
  if (version === undefined) return false;
  const [major, minor] = version;
  return major > MINIMUM_QEMU[0] || (major === MINIMUM_QEMU[0] && minor >= MINIMUM_QEMU[1]);
}

async function snpCapableQemu(): Promise<boolean> {
  const said = await execa('qemu-system-x86_64', ['--version'], { stdin: 'ignore', reject: false, timeout: 30_000 });
  if (said.failed || !isNewEnough(parseQemuVersion(said.stdout))) return false;
  return succeeds(['qemu-system-x86_64', '-object', 'sev-snp-guest,help']);
}

/** What the tests run beside Node. */
export const PROGRAMS: readonly RequiredProgram[] = [
  {
    name: 'QEMU 9.1 or newer with the sev-snp-guest object',
    packages: ['qemu-system-x86'],
    fromBackports: true,
    present: snpCapableQemu,
  },
  {
    name: 'a C compiler with the headers of Linux',
    packages: ['gcc', 'libc6-dev'],
    fromBackports: false,
    present: () => succeeds(['cc', '-E', '-include', 'stdio.h', '-include', 'linux/kvm.h', '-x', 'c', '/dev/null']),
  },
  {
    name: 'the OpenSSH server, /usr/sbin/sshd',
    packages: ['openssh-server'],
    fromBackports: false,
    present: async () => existsSync('/usr/sbin/sshd'),
  },
  {
    // A second shell for what runs on hosts, beside the system's own.
    name: 'busybox',
    packages: ['busybox'],
    fromBackports: false,
    present: () => succeeds(['busybox', 'true']),
  },
  {
    name: 'xz',
    packages: ['xz-utils'],
    fromBackports: false,
    present: () => succeeds(['xz', '--version']),
  },
  {
    name: 'zstd',
    packages: ['zstd'],
    fromBackports: false,
    present: () => succeeds(['zstd', '--version']),
  },
  {
    // A second opinion on keys and signatures.
    name: 'openssl',
    packages: ['openssl'],
    fromBackports: false,
    present: () => succeeds(['openssl', 'version']),
  },
  {
    name: 'ssh-keygen',
    packages: ['openssh-client'],
    fromBackports: false,
    // It has no option that only tells its version; an unknown one ends it with its usage.
    present: async () => existsSync('/usr/bin/ssh-keygen'),
  },
  {
    // Hosts of the tests have networks of their own.
    name: 'ip and tc',
    packages: ['iproute2'],
    fromBackports: false,
    present: () => succeeds(['ip', '-Version']),
  },
  {
    // The page of results is looked at in the browser that its readers use.
    name: 'Chromium',
    packages: ['chromium'],
    fromBackports: false,
    present: async () => existsSync('/usr/bin/chromium'),
  },
  {
    // Holds JUnit to a schema.
    name: 'xmllint',
    packages: ['libxml2-utils'],
    fromBackports: false,
    present: () => succeeds(['xmllint', '--version']),
  },
];

/** The programs that this machine lacks. */
export async function missingPrograms(programs: readonly RequiredProgram[] = PROGRAMS): Promise<RequiredProgram[]> {
  const present = await Promise.all(programs.map((program) => program.present()));
  return programs.filter((_, index) => present[index] === false);
}
