/** What kind of trouble an error is; it decides the exit code and the JUnit element. */
export type ErrorKind = 'failure' | 'configuration' | 'infrastructure';

/** The process exit codes, the same for every command. */
export const EXIT_CODES = { ok: 0, failure: 1, configuration: 2, infrastructure: 3 } as const;

/** Every error code, its kind and its meaning. Codes are never reused. */
export const ERROR_CODES = {
  DIGEST_MISMATCH: { kind: 'failure', meaning: 'an observed launch digest is not the expected one' },
  DIGEST_UNEXPLAINED: {
    kind: 'failure',
    meaning: 'no change of inputs that was tried gives the observed launch digest',
  },
  CHECK_FAILED: { kind: 'failure', meaning: 'a check on the evidence of a cell failed' },
  KDS_NOT_FOUND: { kind: 'failure', meaning: 'the key distribution service knows no such chip or TCB' },
  REPORT_REFUSED: { kind: 'failure', meaning: 'an attestation report is not genuine, or not what was wanted' },

  USAGE: { kind: 'configuration', meaning: 'the command line is wrong' },
  OUTPUT_UNWRITABLE: { kind: 'configuration', meaning: 'a place named for output cannot be written' },
  FILE_UNREADABLE: { kind: 'configuration', meaning: 'a named file cannot be read' },
  JSON_INVALID: { kind: 'configuration', meaning: 'a file is not JSON, or not of the expected shape' },
  NUMBER_INVALID: { kind: 'configuration', meaning: 'a number is malformed or out of range' },
  HEX_INVALID: { kind: 'configuration', meaning: 'a hexadecimal value is malformed or of the wrong length' },
  LAYOUT_LENGTH: { kind: 'configuration', meaning: 'a binary structure has the wrong length' },
  LAYOUT_RESERVED: { kind: 'configuration', meaning: 'bytes that must be zero are not' },
  LAYOUT_VALUE: { kind: 'configuration', meaning: 'a value does not fit its field' },
  OVMF_SIZE: { kind: 'configuration', meaning: 'the firmware image has an impossible size' },
  OVMF_NO_TABLE: { kind: 'configuration', meaning: 'the firmware image has no GUID footer table' },
  OVMF_TABLE_INVALID: { kind: 'configuration', meaning: 'the footer table of the firmware image is malformed' },
  OVMF_NO_SNP_METADATA: { kind: 'configuration', meaning: 'the firmware image has no SEV-SNP metadata' },
  OVMF_METADATA_INVALID: { kind: 'configuration', meaning: 'the SEV metadata of the firmware image is malformed' },
  OVMF_NO_HASHES_TABLE: { kind: 'configuration', meaning: 'a kernel is given but the firmware cannot hold its hashes' },
  DESCRIPTOR_INVALID: { kind: 'configuration', meaning: 'a firmware descriptor is malformed' },
  VCPU_COUNT: { kind: 'configuration', meaning: 'the vCPU count is out of range' },
  VCPU_TYPE_UNKNOWN: { kind: 'configuration', meaning: 'the vCPU type is not in the table' },
  GUEST_FEATURES_INVALID: {
    kind: 'configuration',
    meaning: 'the guest features are malformed or not those of an SNP guest',
  },
  SVSM_INVALID: { kind: 'configuration', meaning: 'the SVSM image is malformed, or does not fit below the firmware' },
  VMM_PROFILE_UNKNOWN: { kind: 'configuration', meaning: 'the VMM profile is not in the table, or not for this mode' },
  APPEND_INVALID: { kind: 'configuration', meaning: 'the kernel command line cannot reach QEMU unchanged' },
  GUEST_POLICY_INVALID: { kind: 'configuration', meaning: 'the guest policy is malformed' },
  REFUSAL_UNKNOWN: { kind: 'configuration', meaning: 'an error that was asked about is not in the table of errors' },
  KEY_INVALID: { kind: 'configuration', meaning: 'a signing key is not an ECDSA P-384 key' },
  KEY_PASSPHRASE: { kind: 'configuration', meaning: 'the passphrase of an encrypted key is missing or wrong' },
  DIGEST_INVALID: { kind: 'configuration', meaning: 'a launch digest is malformed or of the wrong length' },
  ID_BLOCK_INVALID: { kind: 'configuration', meaning: 'an ID block or an ID auth cannot be read' },
  SIGNATURE_INVALID: {
    kind: 'configuration',
    meaning: 'what an external signer gave is no signature by the named key',
  },
  ARGV_INVALID: { kind: 'configuration', meaning: 'a QEMU command line cannot be taken apart' },
  LIBVIRT_INVALID: { kind: 'configuration', meaning: 'a libvirt domain XML is malformed or not of a QEMU guest' },
  LAUNCH_OPTIONS_WRONG: { kind: 'configuration', meaning: 'the options of a launch do not make an SNP guest' },
  REPORT_INVALID: { kind: 'configuration', meaning: 'an attestation report is malformed' },
  INITRD_INVALID: { kind: 'configuration', meaning: 'a guest initrd cannot be made of the files given' },
  REPORT_UNPROVEN: { kind: 'configuration', meaning: 'what a report needs to be verified was not given' },
  CERTIFICATE_INVALID: { kind: 'configuration', meaning: 'a certificate or certificate list is malformed' },
  CERTIFICATE_TABLE_INVALID: { kind: 'configuration', meaning: 'the table of certificates of a host is malformed' },
  GUEST_COMMAND: { kind: 'configuration', meaning: 'the command that asks a guest for its report cannot be run' },
  HOSTS_INVALID: { kind: 'configuration', meaning: 'hosts.json is wrong' },
  MATRIX_INVALID: { kind: 'configuration', meaning: 'matrix.json is wrong' },
  MATRIX_EMPTY: { kind: 'configuration', meaning: 'no cell is left to run' },
  RECORDING_INVALID: { kind: 'configuration', meaning: 'a recording is damaged or of an unknown format' },
  EVIDENCE_INVALID: { kind: 'configuration', meaning: 'an evidence file is damaged or of an unknown format' },
  REFERENCE_INVALID: { kind: 'configuration', meaning: 'a file of reference digests is wrong' },
  ARGUMENT_INVALID: { kind: 'configuration', meaning: 'an argument cannot be given to a process on a host' },
  ARTIFACT_CHANGED: { kind: 'configuration', meaning: 'a file changed since it was hashed' },
  DESTRUCTIVE_REFUSED: { kind: 'configuration', meaning: 'nobody consented to what would change a host' },
  SSH_HOST_KEY: { kind: 'configuration', meaning: 'the host key of the SSH server is unknown or has changed' },
  SSH_AUTH: { kind: 'configuration', meaning: 'the SSH server refused the user or the key' },

  KDS_UNREACHABLE: { kind: 'infrastructure', meaning: 'the key distribution service did not answer, or is broken' },
  KDS_THROTTLED: { kind: 'infrastructure', meaning: 'the key distribution service answers too many requests with 429' },
  KDS_ANSWER: { kind: 'infrastructure', meaning: 'the key distribution service answered what is no certificate' },
  KDS_CACHE: { kind: 'infrastructure', meaning: 'the cache of certificates cannot be used' },
  SSH_CONNECT: { kind: 'infrastructure', meaning: 'the SSH connection could not be made' },
  SSH_LOST: { kind: 'infrastructure', meaning: 'the SSH connection was lost' },
  HOST_COMMAND: { kind: 'infrastructure', meaning: 'a command of the harness failed on the host' },
  HOST_TIMEOUT: { kind: 'infrastructure', meaning: 'the host did not answer in time' },
  HOST_UPLOAD: { kind: 'infrastructure', meaning: 'an artifact could not be brought to the host' },
  HOST_ARTIFACT: { kind: 'infrastructure', meaning: 'an artifact on the host is not what was brought there' },
  HOST_CBITPOS: { kind: 'infrastructure', meaning: 'the C-bit position of the host could not be found out' },
  HOST_QEMU: { kind: 'infrastructure', meaning: 'the QEMU of the host is missing or cannot do what is needed' },
  HOST_SNP: { kind: 'infrastructure', meaning: 'SNP is off on a machine that could have it' },
  HOST_DEVICE: { kind: 'infrastructure', meaning: '/dev/kvm or /dev/sev of the host is absent or not to be used' },
  HOST_FIRMWARE: { kind: 'infrastructure', meaning: 'the SEV firmware of the host is too old or not initialised' },
  HOST_ASIDS: { kind: 'infrastructure', meaning: 'the host has no ASID left for SNP guests' },
  HOST_MEMORY: { kind: 'infrastructure', meaning: 'the host has too little memory left for a guest' },
  POWER_HOOK: { kind: 'infrastructure', meaning: 'a command that reboots or power-cycles a host failed' },
  HOST_SET_ASIDE: { kind: 'infrastructure', meaning: 'the host failed too often in a row in this run' },
  HOST_BUSY: { kind: 'infrastructure', meaning: 'no slot of the host became free in time' },
  HOST_DISK: { kind: 'infrastructure', meaning: 'the disk of the host is full' },
  HOST_DIRECTORY: { kind: 'infrastructure', meaning: 'the directory of the host cannot be used' },
  HOST_PROGRAMS: { kind: 'infrastructure', meaning: 'the host lacks programs that the harness runs there' },
  QEMU_START: { kind: 'infrastructure', meaning: 'QEMU ended before it could be spoken to' },
  QEMU_KILLED: { kind: 'infrastructure', meaning: 'QEMU was killed, or crashed' },
  QMP_PROTOCOL: { kind: 'infrastructure', meaning: 'QEMU broke the QMP protocol' },
  QMP_COMMAND: { kind: 'infrastructure', meaning: 'QEMU refused a QMP command' },
  QMP_ENDED: { kind: 'infrastructure', meaning: 'QEMU closed its QMP socket while something was asked of it' },
  LAUNCH_BROKEN: { kind: 'infrastructure', meaning: 'a launch broke off for a reason of the machine' },
  GUEST_SILENT: { kind: 'infrastructure', meaning: 'the guest did not answer in time' },
  GUEST_PROTOCOL: { kind: 'infrastructure', meaning: 'the guest broke the protocol of the serial line' },
  FIRMWARE_PROTOCOL: { kind: 'infrastructure', meaning: 'the shim and the emulated firmware lost each other' },
  SIGNER_FAILED: { kind: 'infrastructure', meaning: 'an external signer failed, or did not answer in time' },
  OUTPUT_FAILED: {
    kind: 'infrastructure',
    meaning: 'a place named for output did not take all of it: the disk is full, or its device fails',
  },
  NATIVE_BUILD: { kind: 'infrastructure', meaning: 'the KVM shim could not be built' },
  INTERNAL: { kind: 'infrastructure', meaning: 'a defect of this tool' },
} as const satisfies Record<string, { kind: ErrorKind; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What is known of a trouble when it is raised. No secrets, keys or passwords in any of it. */
export interface Trouble {
  code: ErrorCode;
  /** What went wrong, with both values where two differ. */
  what: string;
  /** Where: file, host, row, byte offset. */
  where?: string | undefined;
  /** What the reader can do about it. */
  hint?: string | undefined;
  cause?: unknown;
}

/**
 * The one error family of the harness. Its message alone suffices: the test runner keeps only message, stack and cause.
 */
export class HarnessError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(trouble: Trouble) {
    const where = trouble.where === undefined ? '' : ` (${trouble.where})`;
    const hint = trouble.hint === undefined ? '' : `\n  hint: ${trouble.hint}`;
    super(`${trouble.code}: ${trouble.what}${where}${hint}`, { cause: trouble.cause });
    this.name = 'HarnessError';
    this.code = trouble.code;
    this.what = trouble.what;
    this.where = trouble.where;
    this.hint = trouble.hint;
  }

  /** The kind that the table of codes gives to this error. */
  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }
}

/** Wraps anything thrown, so that what leaves an edge is always of the family. */
export function asHarnessError(thrown: unknown, otherwise: Omit<Trouble, 'cause' | 'what'>): HarnessError {
  if (thrown instanceof HarnessError) return thrown;
  const what = thrown instanceof Error ? thrown.message : String(thrown);
  return new HarnessError({ ...otherwise, what, cause: thrown });
}

/** The same error with a place around the one that it names, for example the file; what is not of the family as it is. */
export function inPlace(thrown: unknown, place: string): unknown {
  if (!(thrown instanceof HarnessError)) return thrown;
  const { code, what, where, hint } = thrown;
  return new HarnessError({
    code,
    what,
    where: where === undefined ? place : `${place}, ${where}`,
    hint,
    cause: thrown,
  });
}

/** The kind of trouble that the message of an error of the family names; undefined for any other text. */
export function kindOfMessage(message: string): ErrorKind | undefined {
  const code = /^(?:HarnessError: )?([A-Z][A-Z0-9_]+): /.exec(message)?.[1];
  return code !== undefined && code in ERROR_CODES ? ERROR_CODES[code as ErrorCode].kind : undefined;
}
