import type { Command } from 'commander';

/** One command: its name, what it is for, and how it is loaded. */
export interface CommandRow {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<Command>;
}

/**
 * The commands, one file each, in the order of the help text. Each is loaded only when it is asked for: what `run` needs
 * takes longer to load than `predict` takes to predict.
 */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'init',
    description:
      'find QEMU, OVMF and kernels on a host, write hosts, a matrix and a suite into a folder, and run them once',
    load: async () => (await import('./init.ts')).initCommand(),
  },
  {
    name: 'run',
    description: 'launch every cell of a matrix on its hosts, or play a recording back, and judge the evidence',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  {
    name: 'merge-reports',
    description: 'make one run, with one JUnit and one page, of the blob reports of its parts',
    load: async () => (await import('./merge-reports.ts')).mergeReportsCommand(),
  },
  {
    name: 'compare',
    description: 'say what changed from one run to another: results, digests, and what was launched with and where',
    load: async () => (await import('./compare.ts')).compareCommand(),
  },
  {
    name: 'history',
    description: 'lay many runs beside each other: flaky cells, and the first bad run of those that fail',
    load: async () => (await import('./history.ts')).historyCommand(),
  },
  {
    name: 'bisect',
    description: 'find the first bad build of QEMU, a firmware or a kernel, with the fewest launches',
    load: async () => (await import('./bisect.ts')).bisectCommand(),
  },
  {
    name: 'recording',
    description: 'look into recordings, verify them, make them smaller, or redact them',
    load: async () => (await import('./recording.ts')).recordingCommand(),
  },
  {
    name: 'predict',
    description: 'print the launch digest that a guest must have',
    load: async () => (await import('./predict.ts')).predictCommand(),
  },
  {
    name: 'explain',
    description: 'name the input that is wrong when a launch digest differs',
    load: async () => (await import('./explain.ts')).explainCommand(),
  },
  {
    name: 'demo',
    description: "show the founding case: QEMU refuses a launch with 'Bad measurement', and the harness finds out why",
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
  {
    name: 'diff-ledger',
    description: 'name the first measured page in which two launches differ, and what it is',
    load: async () => (await import('./diff-ledger.ts')).diffLedgerCommand(),
  },
  {
    name: 'hosts',
    description: 'look at the hosts of hosts.json',
    load: async () => (await import('./hosts.ts')).hostsCommand(),
  },
  {
    name: 'profiles',
    description: 'list the VMM profiles: how each VMM and host kernel launches, and what it measures',
    load: async () => (await import('./profiles.ts')).profilesCommand(),
  },
  {
    name: 'id-block',
    description:
      'make the ID block and ID auth of a launch, as QEMU takes them; or check some against a launch, without a host',
    load: async () => (await import('./id-block.ts')).idBlockCommand(),
  },
  {
    name: 'keygen',
    description: 'make a P-384 key that signs ID blocks or ID keys, and print its digest',
    load: async () => (await import('./keygen.ts')).keygenCommand(),
  },
  {
    name: 'key-digest',
    description: 'print the digest of a key, as attestation reports have it',
    load: async () => (await import('./key-digest.ts')).keyDigestCommand(),
  },
  {
    name: 'policy',
    description: 'explain a guest policy, or make one, and tell whether a host launches it',
    load: async () => (await import('./policy.ts')).policyCommand(),
  },
  {
    name: 'report',
    description: 'read and verify attestation reports',
    load: async () => (await import('./report.ts')).reportCommand(),
  },
  {
    name: 'why',
    description: 'explain a refusal of firmware, KVM or QEMU: a line, a code, a name, or a whole log',
    load: async () => (await import('./why.ts')).whyCommand(),
  },
  {
    name: 'schema',
    description: 'print the JSON Schema of a file: for editors, and for programs that read what a run leaves',
    load: async () => (await import('./schema.ts')).schemaCommand(),
  },
  {
    name: 'firmware',
    description: 'look into a firmware image',
    load: async () => (await import('./firmware.ts')).firmwareCommand(),
  },
  {
    name: 'guest-initrd',
    description: 'make the initrd of a guest that sends its attestation report and powers off',
    load: async () => (await import('./guest-initrd.ts')).guestInitrdCommand(),
  },
  {
    name: 'native',
    description: 'the KVM shim of emulated hosts',
    load: async () => (await import('./native.ts')).nativeCommand(),
  },
  {
    name: 'completion',
    description: 'print the completion of this command line for a shell',
    load: async () => (await import('./completion.ts')).completionCommand(loadedCommands),
  },
  {
    name: 'man',
    description: 'print the manual page',
    load: async () => (await import('./man.ts')).manCommand(loadedCommands),
  },
];

/** Every command as it is, with what it is for: for what is made of all definitions. */
export async function loadedCommands(): Promise<Command[]> {
  return Promise.all(COMMANDS.map(async ({ description, load }) => (await load()).description(description)));
}
