import { z } from 'zod';
import { EMULATION_KEYS, emulationSchema, faultKeys, TCB_KEYS, VLEK_KEYS } from './emulation-schema.ts';
import { parseHostKey } from './known-hosts.ts';

/**
 * A socket in a launch directory must fit into sun_path, 108 bytes with its NUL (unix(7)); `/run/`, ten digits and the
 * name of the socket come after this.
 */
const MAX_DIRECTORY_BYTES = 72;

const text = z.string().min(1);
const absolutePath = text.regex(/^\/[^\0\n,]*$/, 'expected an absolute path on the host, without commas');
const name = text.max(40).regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes');

const attestationSchema = z.strictObject({
  /** Does the host give guests a certificate table with their reports? */
  suppliesCertificates: z.boolean().default(false),
  /** The cloud provider whose VLEK signs; absent: the VCEK does, or whose it is does not matter. */
  cspId: text.max(200).optional(),
});

const common = {
  /** Names a project of the runner. */
  name,
  /** How many guests run there at once. */
  slots: z.int().min(1).max(256).default(1),
  /** On the host: where artifacts and launches live. */
  directory: absolutePath
    .max(MAX_DIRECTORY_BYTES)
    .regex(/^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,}$/, 'expected a plain absolute path at least two names deep')
    .default('/var/tmp/snp-conform'),
  /** QEMU builds by the name that the axis `qemu` uses. */
  qemu: z
    .record(
      text.max(40).regex(/^[a-z0-9][a-z0-9.-]*$/, 'expected lower-case letters, digits, dots and dashes'),
      absolutePath,
    )
    .refine((builds) => Object.keys(builds).length > 0, 'expected at least one QEMU build')
    .default({ default: '/usr/bin/qemu-system-x86_64' }),
  /** What rules of the matrix may ask of a host. */
  tags: z.array(text.max(40)).max(64).default([]),
  /** What is to be expected of the certificates of its reports. */
  attestation: attestationSchema.default({ suppliesCertificates: false }),
  /** Absent: SNP hardware. */
  emulation: emulationSchema.optional(),
  /** C-bit position; absent: QEMU is asked on the host. */
  cbitpos: z.int().min(0).max(63).optional(),
  /** Generation of VMM that predictions for this host follow; absent: the newest, or that of the emulation. */
  vmmProfile: text.optional(),
};

const sshHostSchema = z
  .strictObject({
    kind: z.literal('ssh'),
    ...common,
    address: text.regex(/^[^\s@/]+$/, 'expected a host name or an IP address, without user and port'),
    port: z.int().min(1).max(65535).default(22),
    user: text.regex(/^[^\s@]+$/, 'expected a user name'),
    /** Path on the machine of the harness. */
    privateKey: text.optional(),
    /** Use the agent that SSH_AUTH_SOCK names. */
    agent: z.boolean().default(false),
    /** Path on the machine of the harness; `~/.ssh/known_hosts` where neither this nor hostKey is given. */
    knownHosts: text.optional(),
    hostKey: text
      .refine((line) => parseHostKey(line) !== undefined, 'expected a public key line: ssh-ed25519 AAAA...')
      .optional(),
  })
  .refine((host) => host.agent || host.privateKey !== undefined, {
    path: ['privateKey'],
    message: 'expected a private key, or "agent": true',
  })
  .refine((host) => host.knownHosts === undefined || host.hostKey === undefined, {
    path: ['hostKey'],
    message: 'expected either hostKey or knownHosts, got both',
  });

const localHostSchema = z.strictObject({ kind: z.literal('local'), ...common });

/** hosts.json. */
export const hostsSchema = z
  .strictObject({
    $schema: z.string().optional(),
    format: z.literal('snp-conform/hosts@1'),
    hosts: z
      .array(z.discriminatedUnion('kind', [sshHostSchema, localHostSchema]))
      .min(1)
      .max(256),
  })
  .superRefine(({ hosts }, context) => {
    const first = new Map<string, number>();
    for (const [index, host] of hosts.entries()) {
      const earlier = first.get(host.name);
      if (earlier === undefined) first.set(host.name, index);
      else {
        const message = `expected a name of its own, "${host.name}" is that of hosts[${earlier}]`;
        context.addIssue({ code: 'custom', path: ['hosts', index, 'name'], message });
      }
    }
  });

/** One host of hosts.json. */
export type HostEntry = z.output<typeof hostsSchema>['hosts'][number];

const TOP_KEYS = Object.keys(hostsSchema.shape);
const SSH_KEYS = Object.keys(sshHostSchema.shape);
const LOCAL_KEYS = Object.keys(localHostSchema.shape);

/**
 * The keys that may stand at a place of hosts.json: of the file, of a host, of its emulation, of a fault.
 * @param kind of the host, or command of the fault
 */
export function keysAt(path: readonly PropertyKey[], kind: unknown): readonly string[] {
  if (path.length === 0) return TOP_KEYS;
  if (path.length === 2) return kind === 'local' ? LOCAL_KEYS : SSH_KEYS;
  if (path.at(-1) === 'emulation') return EMULATION_KEYS;
  if (path.at(-1) === 'attestation') return Object.keys(attestationSchema.shape);
  if (path.at(-1) === 'reportedTcb') return TCB_KEYS;
  if (path.at(-1) === 'vlek') return VLEK_KEYS;
  return path.at(-2) === 'faults' ? faultKeys(kind) : [];
}

/** Is this a key of hosts reached over SSH alone? */
export function isSshKey(key: string): boolean {
  return SSH_KEYS.includes(key) && !LOCAL_KEYS.includes(key);
}
