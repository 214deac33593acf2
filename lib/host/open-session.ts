import { HarnessError } from '../errors.ts';
import type { HostEntry } from './hosts-file.ts';
import type { SshAccess } from './hosts-schema.ts';
import { limitsOf } from './limits.ts';
import { LocalSession, loginEnvironment } from './local-session.ts';
import { readSecret } from './secrets.ts';
import type { Session } from './session.ts';
import type { SshTarget } from './ssh-options.ts';
import { openSshSession } from './ssh-session.ts';

type Environment = Readonly<NodeJS.ProcessEnv>;

function agentSocketOf(access: SshAccess, name: string, environment: Environment): string | undefined {
  if (!access.agent) return undefined;
  const socket = environment.SSH_AUTH_SOCK;
  if (socket !== undefined && socket !== '') return socket;
  throw new HarnessError({
    code: 'SSH_AUTH',
    what: 'the host is to be reached with the agent, and SSH_AUTH_SOCK is not set',
    where: `host ${name}`,
    hint: 'start an agent (ssh-agent) and add the key (ssh-add), or name a privateKey in hosts.json',
  });
}

/** What hosts.json says of a machine, with its secrets. */
function targetOf(access: SshAccess, name: string, environment: Environment): SshTarget {
  const secret = (key: 'passphrase' | 'password'): string | undefined => {
    const reference = access[key];
    return reference && readSecret(reference, `the ${key}`, `host ${name}`, environment);
  };
  return {
    name,
    address: access.address,
    port: access.port,
    user: access.user,
    privateKeyPath: access.privateKey,
    passphrase: secret('passphrase'),
    password: secret('password'),
    agentSocket: agentSocketOf(access, name, environment),
    knownHostsPath: access.knownHosts,
    hostKey: access.hostKey,
    hostKeyCheck: access.hostKeyCheck,
  };
}

/**
 * Opens the session to a host of hosts.json.
 * @param environment where SSH_AUTH_SOCK and secrets are looked up
 * @throws HarnessError SSH_HOST_KEY, SSH_AUTH, SSH_CONNECT, FILE_UNREADABLE, HOSTS_INVALID
 */
export async function openHostSession(entry: HostEntry, environment: Environment = process.env): Promise<Session> {
  if (entry.kind === 'local') return new LocalSession(entry.name, loginEnvironment(process.env));
  const limits = limitsOf(entry);
  const { jump } = entry;
  return openSshSession({
    ...targetOf(entry, entry.name, environment),
    jump: jump && targetOf(jump, `${entry.name} (its jump host)`, environment),
    connectTimeoutMs: limits.connectSeconds * 1000,
    timeoutMs: limits.answerSeconds * 1000,
    keepaliveMs: limits.keepaliveSeconds * 1000,
  });
}
