import type { HostEntry } from './hosts-file.ts';
import { LocalSession } from './local-session.ts';
import type { Session } from './session.ts';
import { openSshSession } from './ssh-session.ts';

/** Opens the session of a host as hosts.json describes it. @throws HarnessError SSH_*, FILE_UNREADABLE */
export async function openHostSession(entry: HostEntry): Promise<Session> {
  if (entry.kind === 'local') return new LocalSession(entry.name);
  return openSshSession({
    name: entry.name,
    address: entry.address,
    port: entry.port,
    user: entry.user,
    privateKeyPath: entry.privateKey,
    agentSocket: entry.agentSocket,
    knownHostsPath: entry.knownHosts,
    hostKey: entry.hostKey,
  });
}
