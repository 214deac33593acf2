import type { SshOptions } from '../../lib/host/ssh-options.ts';
import type { SshSession } from '../../lib/host/ssh-session.ts';
import { openSshSession } from '../../lib/host/ssh-session.ts';
import type { Sshd } from '../lab/sshd.ts';

/** Options that reach the server of a test, with its key pinned. */
export function sshOptions(sshd: Sshd, changes: Partial<SshOptions> = {}): SshOptions {
  return {
    name: 'lab',
    address: '127.0.0.1',
    port: sshd.port,
    user: sshd.user,
    privateKeyPath: sshd.userKeyPath,
    hostKey: sshd.hostKeyLine,
    ...changes,
  };
}

/** A session to the server of a test. */
export function openLabSession(sshd: Sshd, changes: Partial<SshOptions> = {}): Promise<SshSession> {
  return openSshSession(sshOptions(sshd, changes));
}
