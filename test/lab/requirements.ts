import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError } from '../../lib/errors.ts';
import { machineSources, PrivateApt } from './apt.ts';
import { programSources, type Release } from './debian.ts';
import { withLock } from './lock.ts';
import { missingPrograms, type RequiredProgram } from './programs.ts';
import { announced } from './progress.ts';

const LOCK_TIMEOUT_MS = 15 * 60_000;
const POLICY_PATH = '/usr/sbin/policy-rc.d';

/** One call of apt-get install. */
export interface Installation {
  packages: string[];
  /** The suite to prefer; null: as the machine does by itself. */
  targetRelease: string | null;
}

/** The apt-get calls that bring the programs. */
export function planInstallations(missing: readonly RequiredProgram[], release: Release): Installation[] {
  const of = (fromBackports: boolean) =>
    missing.filter((program) => program.fromBackports === fromBackports).flatMap(({ packages }) => packages);
  return [
    { packages: of(false), targetRelease: null },
    { packages: of(true), targetRelease: `${release.codename}-backports` },
  ].filter(({ packages }) => packages.length > 0);
}

/** The same calls as one line for people to run. */
export function installCommand(plan: readonly Installation[], configPath: string): string {
  const env = `env APT_CONFIG=${configPath}`;
  const installs = plan.map(({ packages, targetRelease }) => {
    const target = targetRelease === null ? '' : ` -t ${targetRelease}`;
    return `sudo ${env} apt-get install -y --no-install-recommends${target} ${packages.join(' ')}`;
  });
  return [`sudo ${env} apt-get update`, ...installs].join(' && ');
}

/**
 * Makes sure that this machine has the programs that the tests run: installs those that it lacks on Debian as root, and
 * elsewhere says what is missing and how to get it.
 * @param cache the cache folder; an apt of our own is configured in it
 * @throws HarnessError HOST_COMMAND with the list of what is missing and the command that installs it
 */
export async function ensurePrograms(cache: string): Promise<void> {
  if ((await missingPrograms()).length === 0) return;
  await withLock(join(cache, 'setup.lock'), LOCK_TIMEOUT_MS, async () => {
    const missing = await missingPrograms();
    if (missing.length === 0) return;
    const { release, sources } = await machineSources().catch((cause: unknown) => {
      throw lacks(
        missing,
        'install them by the means of this system; Debian 12 or newer is set up by the tests',
        cause,
      );
    });
    const apt = await PrivateApt.create(cache, 'programs', programSources(sources, release));
    const plan = planInstallations(missing, release);
    if (process.getuid?.() !== 0) throw lacks(missing, `run: ${installCommand(plan, apt.configPath)}`);
    await install(apt, plan);
    const still = await missingPrograms();
    if (still.length > 0)
      throw lacks(still, `installed ${plan.flatMap(({ packages }) => packages).join(' ')} to no avail`);
    await apt.remove();
  });
}

async function install(apt: PrivateApt, plan: readonly Installation[]): Promise<void> {
  await announced('package lists of this release', () => apt.update());
  await withServicesHeld(async () => {
    for (const { packages, targetRelease } of plan) {
      await announced(`installing ${packages.join(' ')}`, () => apt.install(packages, targetRelease));
    }
  });
}

/**
 * Does the work while no package may start its service: the tests want the program sshd, not a server on this machine.
 * Source: Debian Policy 9.3.3.1, policy-rc.d; 101 forbids the action.
 */
async function withServicesHeld(work: () => Promise<void>): Promise<void> {
  if (existsSync(POLICY_PATH)) return work();
  await writeFile(POLICY_PATH, '#!/bin/sh\n# of the snp-conform tests, while they install packages\nexit 101\n', {
    mode: 0o755,
  });
  try {
    await work();
  } finally {
    await rm(POLICY_PATH, { force: true });
  }
}

function lacks(missing: readonly RequiredProgram[], hint: string, cause?: unknown): HarnessError {
  const list = missing.map(({ name, packages }) => `\n  - ${name} (Debian: ${packages.join(', ')})`).join('');
  return new HarnessError({
    code: 'HOST_COMMAND',
    what: `the tests need programs that are missing:${list}\n`,
    where: 'this machine',
    hint,
    cause,
  });
}
