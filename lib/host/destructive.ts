import { execa } from 'execa';
import { serialiseLayout } from '../abi/layout.ts';
import { SNP_CONFIG } from '../abi/snp-config.ts';
import { HarnessError } from '../errors.ts';
import type { HostEntry } from './hosts-file.ts';
import { hostStatus } from './housekeeping/housekeeping.ts';
import type { DestructiveAction, PowerHook } from './power-schema.ts';
import type { Session } from './session.ts';
import { SEV_COMMAND, SEV_SCRIPT } from './sev-ioctl.ts';

/** What is done to a host that changes more than the harness's own files there. */
export interface DestructiveRequest {
  action: DestructiveAction;
  /** For `tcb-config`; 0: the committed one. */
  reportedTcb?: bigint;
}

/** What a destructive action needs of the world outside. */
export interface DestructiveMeans {
  open(entry: HostEntry): Promise<Session>;
  /** Between two looks at a host that is to come back. */
  pollMs: number;
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const REBOOT_THERE: PowerHook = { run: 'there', argv: ['systemctl', 'reboot'], timeoutSeconds: 60, backSeconds: 900 };

const refuse = (entry: HostEntry, what: string, hint: string): HarnessError =>
  new HarnessError({ code: 'DESTRUCTIVE_REFUSED', what, where: `host ${entry.name}`, hint });

/**
 * Does the owner of a host let this be done to it? The command line must have asked for it as well.
 * @throws HarnessError DESTRUCTIVE_REFUSED
 */
function checkConsent(entry: HostEntry, action: DestructiveAction): void {
  if (entry.destructive?.includes(action)) return;
  throw refuse(
    entry,
    `hosts.json does not consent to ${action}`,
    `its owner adds "destructive": ["${action}"] to the host in hosts.json`,
  );
}

function hookOf(entry: HostEntry, action: 'reboot' | 'power-cycle'): PowerHook {
  const hook = action === 'reboot' ? (entry.power?.reboot ?? REBOOT_THERE) : entry.power?.cycle;
  if (hook !== undefined) return hook;
  throw refuse(
    entry,
    'hosts.json does not say how to power-cycle it',
    'add "power": { "cycle": { "run": "here", "argv": [...] } }',
  );
}

/** Nobody's guests are on it. @throws HarnessError HOST_BUSY */
async function checkIdle(entry: HostEntry, session: Session): Promise<void> {
  const { slots, launches } = await hostStatus(session, entry);
  const held = slots.filter(({ holder }) => holder !== null);
  const live = launches.filter(({ state }) => state === 'live');
  if (held.length === 0 && live.length === 0) return;
  throw new HarnessError({
    code: 'HOST_BUSY',
    what: `guests run there: ${held.map(({ holder }) => holder).join('; ') || `${live.length} launches`}`,
    where: `host ${entry.name}`,
    hint: 'wait for them; see `snp-conform hosts status`',
  });
}

const rootArgv = ({ sudo }: HostEntry, argv: readonly string[]): string[] =>
  sudo ? ['sudo', '-n', '--', ...argv] : [...argv];

async function must(entry: HostEntry, session: Session, argv: readonly string[], what: string): Promise<void> {
  const { exitCode, stdout, stderr } = await session.run(rootArgv(entry, argv));
  if (exitCode === 0) return;
  const said = (stderr || stdout).trim().slice(0, 500);
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `${what} failed with exit code ${exitCode}: ${said}`,
    where: `host ${entry.name}`,
    hint: 'it needs /dev/sev, perl or python3, and root or "sudo": true',
  });
}

async function bootId(session: Session): Promise<string> {
  return (await session.run(['cat', BOOT_ID])).stdout.trim();
}

async function runHook(entry: HostEntry, hook: PowerHook, session: Session | undefined): Promise<void> {
  const where = `host ${entry.name}, ${hook.argv[0]}`;
  const failed = (what: string) =>
    new HarnessError({ code: 'POWER_HOOK', what, where, hint: 'see "power" of this host in hosts.json' });
  if (hook.run === 'here') {
    const [program = '', ...args] = hook.argv;
    const done = await execa(program, args, { reject: false, timeout: hook.timeoutSeconds * 1000, stdin: 'ignore' });
    if (done.failed) throw failed(`the command failed: ${done.shortMessage}`);
    return;
  }
  if (session === undefined) throw failed('the host does not answer, and the command is to be run there');
  try {
    const argv = rootArgv(entry, hook.argv);
    const { exitCode, stderr } = await session.run(argv, { timeoutMs: hook.timeoutSeconds * 1000 });
    if (exitCode !== 0) throw failed(`the command ended with exit code ${exitCode}: ${stderr.trim().slice(0, 500)}`);
  } catch (thrown) {
    // A machine that goes down takes the connection with it.
    if (!(thrown instanceof HarnessError && thrown.code === 'SSH_LOST')) throw thrown;
  }
}

/** Waits until the host answers after another start. @throws HarnessError HOST_TIMEOUT */
async function waitBack(entry: HostEntry, hook: PowerHook, before: string | undefined, means: DestructiveMeans) {
  const deadline = performance.now() + hook.backSeconds * 1000;
  for (;;) {
    const now = await means
      .open(entry)
      .then(async (session) => bootId(session).finally(() => session.close()))
      .catch((thrown: unknown) => {
        if (!(thrown instanceof HarnessError) || thrown.kind !== 'infrastructure') throw thrown;
        return undefined;
      });
    if (now !== undefined && now !== '' && now !== before) return;
    if (performance.now() > deadline) {
      throw new HarnessError({
        code: 'HOST_TIMEOUT',
        what: `waited ${hook.backSeconds} s for the host to come back${now === before ? ': it never went down' : ''}`,
        where: `host ${entry.name}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, means.pollMs));
  }
}

async function restart(entry: HostEntry, action: 'reboot' | 'power-cycle', means: DestructiveMeans): Promise<void> {
  const hook = hookOf(entry, action);
  // A machine that has to be power-cycled may not answer; one that does must be idle.
  const session = await means.open(entry).catch((thrown: unknown) => {
    if (action === 'power-cycle' && thrown instanceof HarnessError && thrown.kind === 'infrastructure')
      return undefined;
    throw thrown;
  });
  let before: string | undefined;
  try {
    if (session !== undefined) {
      await checkIdle(entry, session);
      before = await bootId(session);
    }
    await runHook(entry, hook, session);
  } finally {
    await session?.close();
  }
  await waitBack(entry, hook, before, means);
}

/**
 * Does it, when the host's owner consents and nobody's guests run there.
 * @throws HarnessError DESTRUCTIVE_REFUSED, HOST_BUSY, POWER_HOOK, HOST_COMMAND, HOST_TIMEOUT, SSH_*
 */
export async function performDestructive(
  entry: HostEntry,
  request: DestructiveRequest,
  means: DestructiveMeans,
): Promise<void> {
  checkConsent(entry, request.action);
  if (request.action === 'reboot' || request.action === 'power-cycle') return restart(entry, request.action, means);
  if (entry.emulation !== undefined)
    throw refuse(entry, 'it is emulated: there is no firmware to change', 'name a host with SNP');
  const session = await means.open(entry);
  try {
    await checkIdle(entry, session);
    if (request.action === 'firmware-commit') {
      const argv = ['sh', '-c', SEV_SCRIPT, 'sh', String(SEV_COMMAND.SNP_COMMIT), ''];
      await must(entry, session, argv, 'SNP_COMMIT');
    } else {
      const config = serialiseLayout(SNP_CONFIG, { reportedTcb: request.reportedTcb ?? 0n, flags: 0 }, 'SNP_CONFIG');
      const data = Buffer.from(config).toString('hex');
      await must(
        entry,
        session,
        ['sh', '-c', SEV_SCRIPT, 'sh', String(SEV_COMMAND.SNP_SET_CONFIG), data],
        'SNP_SET_CONFIG',
      );
    }
  } finally {
    await session.close();
  }
}
