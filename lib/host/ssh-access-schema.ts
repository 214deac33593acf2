import { z } from 'zod';
import { parseHostKey } from './known-hosts.ts';

const text = z.string().min(1);

/** A secret is never in hosts.json: this says where it is. */
const secretSchema = z.union(
  [
    z.strictObject({ env: text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable') }),
    z.strictObject({ file: text }),
  ],
  'expected { "env": "NAME" } or { "file": "path" }: a secret is named, never written here',
);
export type SecretReference = z.output<typeof secretSchema>;

/** How a machine is reached over SSH: a host, and the machine that one jumps over. */
export const SSH_ACCESS = {
  address: text.regex(/^[^\s@/]+$/, 'expected a host name or an IP address, without user and port'),
  port: z.int().min(1).max(65535).default(22),
  user: text.regex(/^[^\s@]+$/, 'expected a user name'),
  /** Path on the machine of the harness. */
  privateKey: text.optional(),
  /** Of the private key. */
  passphrase: secretSchema.optional(),
  password: secretSchema.optional(),
  /** Use the agent that SSH_AUTH_SOCK names. */
  agent: z.boolean().default(false),
  /** Path on the machine of the harness; `~/.ssh/known_hosts` where neither this nor hostKey is given. */
  knownHosts: text.optional(),
  hostKey: text
    .refine((line) => parseHostKey(line) !== undefined, 'expected a public key line: ssh-ed25519 AAAA...')
    .optional(),
  /** `off`: whoever answers is believed, and every run says so. */
  hostKeyCheck: z.enum(['on', 'off']).optional(),
};

interface Access {
  agent: boolean;
  privateKey?: string | undefined;
  passphrase?: unknown;
  password?: unknown;
  knownHosts?: string | undefined;
  hostKey?: string | undefined;
  hostKeyCheck?: 'on' | 'off' | undefined;
}

/** What no single field can tell of a way to reach a machine. */
export function checkAccess(access: Access, context: z.RefinementCtx): void {
  const wrong = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
  if (!access.agent && access.privateKey === undefined && access.password === undefined) {
    wrong('privateKey', 'expected a private key, or "agent": true, or a password');
  }
  if (access.passphrase !== undefined && access.privateKey === undefined) {
    wrong('passphrase', 'expected the private key that it is for');
  }
  if (access.knownHosts !== undefined && access.hostKey !== undefined) {
    wrong('hostKey', 'expected either hostKey or knownHosts, got both');
  }
  if (access.hostKeyCheck === 'off' && (access.knownHosts !== undefined || access.hostKey !== undefined)) {
    wrong('hostKeyCheck', 'expected no hostKey and no knownHosts beside "off": they would not be looked at');
  }
}

/** A machine between here and the host. */
export const jumpSchema = z.strictObject(SSH_ACCESS).superRefine(checkAccess);
