import { z } from 'zod';

import { emulationSchema } from './emulation-schema.ts';
import { limitsSchema } from './limits.ts';
import { destructiveSchema, powerSchema } from './power-schema.ts';
import { checkAccess, jumpSchema, SSH_ACCESS } from './ssh-access-schema.ts';

/**
 * A socket in a launch directory must fit into sun_path, 108 bytes with its NUL (unix(7)); `/run/`, ten digits and the
 * name of the socket come after this.
 */
const MAX_DIRECTORY_BYTES = 72;

const text = z.string().min(1);
const absolutePath = text.regex(/^\/[^\0\n,]*$/, 'expected an absolute path on the host, without commas');
const name = text.max(40).regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes');
const treePath = text.regex(
  /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\n,]+$/,
  'expected a relative path in the tree, without .. and commas',
);
const variable = text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of an environment variable');

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
      z.union(
        [
          absolutePath,
          /** A folder of this machine, brought to the host, and where QEMU is in it. */
          z.strictObject({ tree: text, binary: treePath.default('bin/qemu-system-x86_64') }),
        ],
        'expected an absolute path on the host, or { "tree": a folder here, "binary": the path of QEMU in it }',
      ),
    )
    .refine((builds) => Object.keys(builds).length > 0, 'expected at least one QEMU build')
    .default({ default: '/usr/bin/qemu-system-x86_64' }),
  /** What rules of the matrix may ask of a host; hosts of the same tags stand in for each other. */
  tags: z.array(text.max(40)).max(64).default([]),
  /** What is to be expected of the certificates of its reports. */
  attestation: attestationSchema.default({ suppliesCertificates: false }),
  /** Absent: SNP hardware. */
  emulation: emulationSchema.optional(),
  /** C-bit position; absent: QEMU is asked on the host. */
  cbitpos: z.int().min(0).max(63).optional(),
  /** Generation of VMM that predictions for this host follow; absent: the newest, or that of the emulation. */
  vmmProfile: text.optional(),
  /** QEMU, and what only root may read, run through `sudo -n`. */
  sudo: z.literal(true).optional(),
  /** Added to QEMU's environment there; in plain sight of everybody on the host. */
  environment: z.record(variable, z.string()).optional(),
  limits: limitsSchema.optional(),
  power: powerSchema.optional(),
  destructive: destructiveSchema.optional(),
};

const sshHostSchema = z
  .strictObject({ kind: z.literal('ssh'), ...common, ...SSH_ACCESS, jump: jumpSchema.optional() })
  .superRefine(checkAccess);

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
/** A host that is reached over SSH. */
export type SshHostEntry = Extract<HostEntry, { kind: 'ssh' }>;
/** How a machine is reached over SSH. */
export type SshAccess = NonNullable<SshHostEntry['jump']>;

/** Is this a key of hosts reached over SSH alone? */
export function isSshKey(key: string): boolean {
  return Object.hasOwn(sshHostSchema.shape, key) && !Object.hasOwn(localHostSchema.shape, key);
}
