import type { Command } from 'commander';

/** One command: its name, and how it is loaded. */
export interface CommandRow {
  readonly name: string;
  readonly load: () => Promise<Command>;
}

/**
 * The commands, one file each, in the order of the help text. Each is loaded only when it is asked for: what `run` needs
 * takes longer to load than `predict` takes to predict.
 */
export const COMMANDS: readonly CommandRow[] = [
  { name: 'init', load: async () => (await import('./init.ts')).initCommand() },
  { name: 'run', load: async () => (await import('./run.ts')).runCommand() },
  { name: 'compare', load: async () => (await import('./compare.ts')).compareCommand() },
  { name: 'history', load: async () => (await import('./history.ts')).historyCommand() },
  { name: 'bisect', load: async () => (await import('./bisect.ts')).bisectCommand() },
  { name: 'recording', load: async () => (await import('./recording.ts')).recordingCommand() },
  { name: 'predict', load: async () => (await import('./predict.ts')).predictCommand() },
  { name: 'explain', load: async () => (await import('./explain.ts')).explainCommand() },
  { name: 'demo', load: async () => (await import('./demo.ts')).demoCommand() },
  { name: 'diff-ledger', load: async () => (await import('./diff-ledger.ts')).diffLedgerCommand() },
  { name: 'hosts', load: async () => (await import('./hosts.ts')).hostsCommand() },
  { name: 'profiles', load: async () => (await import('./profiles.ts')).profilesCommand() },
  { name: 'id-block', load: async () => (await import('./id-block.ts')).idBlockCommand() },
  { name: 'keygen', load: async () => (await import('./keygen.ts')).keygenCommand() },
  { name: 'key-digest', load: async () => (await import('./key-digest.ts')).keyDigestCommand() },
  { name: 'policy', load: async () => (await import('./policy.ts')).policyCommand() },
  { name: 'report', load: async () => (await import('./report.ts')).reportCommand() },
  { name: 'why', load: async () => (await import('./why.ts')).whyCommand() },
  { name: 'schema', load: async () => (await import('./schema.ts')).schemaCommand() },
  { name: 'firmware', load: async () => (await import('./firmware.ts')).firmwareCommand() },
  { name: 'guest-initrd', load: async () => (await import('./guest-initrd.ts')).guestInitrdCommand() },
  { name: 'native', load: async () => (await import('./native.ts')).nativeCommand() },
];
