import type { ServerHostKeyAlgorithm } from 'ssh2';
import { HarnessError } from '../errors.ts';
import { fingerprint, type HostKey, judgeHostKey, type KnownKeys, keyType, knownHostsName } from './known-hosts.ts';
import { shellWord } from './quote.ts';

/** How one machine is reached over SSH. Paths are absolute; nothing is taken from the environment here. */
export interface SshTarget {
  /** For messages. */
  name: string;
  address: string;
  port: number;
  user: string;
  privateKeyPath?: string | undefined;
  /** Of the private key. Secret. */
  passphrase?: string | undefined;
  /** Of the user. Secret. */
  password?: string | undefined;
  /** Path of the socket of an agent; whoever knows it and is this user can use the keys, so no message has it. */
  agentSocket?: string | undefined;
  /** Path of a known_hosts file; not needed where hostKey is given. */
  knownHostsPath?: string | undefined;
  /** The one key to accept: `ssh-ed25519 AAAA...`. */
  hostKey?: string | undefined;
  /** `off`: any key is accepted. */
  hostKeyCheck?: 'on' | 'off' | undefined;
}

/** How a host is reached, and how long it may take. */
export interface SshOptions extends SshTarget {
  /** The machine over which it is reached. */
  jump?: SshTarget | undefined;
  /** Until the connection is up and the user is let in; default 10 000. */
  connectTimeoutMs?: number | undefined;
  /** For every single answer of the server, and for a command that brings no deadline of its own; default 60 000. */
  timeoutMs?: number | undefined;
  /** A silent server is asked this often; after three unanswered questions the connection is lost. Default 5000. */
  keepaliveMs?: number | undefined;
}

/** Where: for messages. */
export function describeTarget(options: SshTarget): string {
  return `host ${options.name}, ${options.user}@${options.address}:${options.port}`;
}

const ALGORITHMS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const satisfies readonly ServerHostKeyAlgorithm[];

/**
 * The host key algorithms to offer: those of the known keys first, so that a server with several keys shows one that can
 * be compared. Signatures with SHA-1 (`ssh-rsa`) are never offered.
 */
export function offeredAlgorithms(known: readonly HostKey[]): ServerHostKeyAlgorithm[] {
  const types = new Set(known.map((key) => key.type));
  const isKnown = (algorithm: string) => types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...ALGORITHMS.filter(isKnown), ...ALGORITHMS.filter((algorithm) => !isKnown(algorithm))];
}

/** What ssh-keyscan and the files of sshd call the type of a key: `ssh-ed25519` is `ed25519`. */
function shortType(type: string): string {
  return type.replace(/^ssh-/, '').replace(/^ecdsa-.*/, 'ecdsa');
}

/** The command that prints the line of known_hosts for one key of a machine; run on the jump host where there is one. */
function keyscan({ address, port, jump }: SshOptions, type: string): string {
  const scan = `ssh-keyscan -t ${type} ${port === 22 ? '' : `-p ${port} `}${address}`;
  if (jump === undefined) return scan;
  return `ssh ${jump.port === 22 ? '' : `-p ${jump.port} `}${jump.user}@${jump.address} ${scan}`;
}

/** The error for a key that must not be accepted, undefined for one that may. */
export function refuseHostKey(options: SshOptions, known: KnownKeys, blob: Uint8Array): HarnessError | undefined {
  if (options.hostKeyCheck === 'off') return undefined;
  const verdict = judgeHostKey(known, blob);
  if (verdict === 'accepted') return undefined;
  const type = keyType(blob) ?? 'malformed';
  const observed = `${type} ${fingerprint(blob)}`;
  const expected = known.accepted.map((key) => `${key.type} ${fingerprint(key.blob)}`).join(' or ');
  const { hostKey, knownHostsPath = 'known_hosts', address, port } = options;
  const keeper = hostKey === undefined ? knownHostsPath : '"hostKey" in hosts.json';
  const file = shellWord(knownHostsPath);
  const forget =
    hostKey === undefined
      ? `ssh-keygen -R ${shellWord(knownHostsName(address, port))} -f ${file} and run this again`
      : `replace its key in ${keeper}`;
  const short = shortType(type);
  const trouble = {
    changed: {
      what: `the host key is not the known one: expected ${expected}, observed ${observed}`,
      hint: `if the host was reinstalled, ${forget}; if not, somebody else may be answering`,
    },
    unknown: {
      what: `the host key is unknown: expected one of ${keeper}, which has none for this host, observed ${observed}`,
      hint: `if ssh-keygen -lf /etc/ssh/ssh_host_${short}_key.pub says the same on the host, add it: ${keyscan(options, short)} >> ${file}`,
    },
    revoked: {
      what: `the host key is revoked in ${keeper}: observed ${observed}`,
      hint: 'give the host a new key',
    },
  }[verdict];
  return new HarnessError({ code: 'SSH_HOST_KEY', where: describeTarget(options), ...trouble });
}
