import { HarnessError } from '../errors.ts';
import type { HostEntry } from './hosts-file.ts';
import { LocalSession } from './local-session.ts';
import type { Session } from './session.ts';
import { openSshSession } from './ssh-session.ts';

/**
 * Opens the session to a host of hosts.json.
 * @param environment where SSH_AUTH_SOCK is looked up for a host that uses the agent
 * @throws HarnessError SSH_HOST_KEY, SSH_AUTH, SSH_CONNECT, FILE_UNREADABLE
 */
export async function openHostSession(
  entry: HostEntry,
  environment: Readonly<NodeJS.ProcessEnv> = process.env,
): Promise<Session> {
  if (entry.kind === 'local') return new LocalSession(entry.name);
  const agentSocket = entry.agent ? environment.SSH_AUTH_SOCK : undefined;
  if (entry.agent && (agentSocket === undefined || agentSocket === '')) {
    throw new HarnessError({
      code: 'SSH_AUTH',
      what: 'the host is to be reached with the agent, and SSH_AUTH_SOCK is not set',
      where: `host ${entry.name}`,
      hint: 'start an agent (ssh-agent) and add the key (ssh-add), or name a privateKey in hosts.json',
    });
  }
  return openSshSession({
    name: entry.name,
    address: entry.address,
    port: entry.port,
    user: entry.user,
    privateKeyPath: entry.privateKey,
    agentSocket,
    knownHostsPath: entry.knownHosts,
    hostKey: entry.hostKey,
  });
}
