import { randomBytes } from 'node:crypto';
import type { MachineFacts, PlatformFacts, QemuFacts, SnphostFacts } from '../../evidence/host-facts.ts';
import type { HostEntry } from '../hosts-file.ts';
import type { Session } from '../session.ts';
import { FACTS_SCRIPT, QEMU_SCRIPT } from './facts-script.ts';
import { machineFacts } from './machine-facts.ts';
import { machinePlatform } from './platform-facts.ts';
import { qemuFacts } from './qemu-facts.ts';
import { MAX_SECTION_BYTES, parseSections, type Section } from './sections.ts';
import { snphostFacts } from './snphost.ts';

/** Over thirty sections, each with a deadline of its own on the host. */
const GATHER_MS = 120_000;
const MAX_SECTIONS = 64;

/** Runs a script of sections on a host. @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND */
async function ask(session: Session, script: string, args: readonly string[]): Promise<Map<string, Section>> {
  const mark = `:${randomBytes(8).toString('hex')}`;
  const { stdout } = await session.run(['sh', '-c', script, 'snp-preflight', mark, ...args], {
    timeoutMs: GATHER_MS,
    maxOutputBytes: MAX_SECTIONS * MAX_SECTION_BYTES,
  });
  return parseSections(stdout, mark);
}

/** What the machine at the far end of a session is. */
export interface MachineAnswers {
  machine: MachineFacts;
  platform: PlatformFacts;
  snphost: SnphostFacts | null;
}

/**
 * Asks the machine what it is; changes nothing there.
 * @param directory whose file system is looked at   @param sudo what is root's to read is read with it
 * @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND
 */
export async function askMachine(
  session: Session,
  { directory, sudo }: Pick<HostEntry, 'directory' | 'sudo'>,
): Promise<MachineAnswers> {
  const sections = await ask(session, FACTS_SCRIPT, [directory, sudo ? 'sudo' : 'user']);
  return { machine: machineFacts(sections), platform: machinePlatform(sections), snphost: snphostFacts(sections) };
}

/** Asks a QEMU build what it can do. @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND */
export async function askQemu(session: Session, path: string): Promise<QemuFacts> {
  return qemuFacts(path, await ask(session, QEMU_SCRIPT, [path]));
}
