import { z } from 'zod';

/** What stands for a value of one launch in the words of a channel: `{nonce}`, `{cid}`, and so on. */
const CHANNEL_PLACEHOLDERS = ['nonce', 'cid', 'port', 'directory', 'cell'] as const;
export type ChannelPlaceholder = (typeof CHANNEL_PLACEHOLDERS)[number];

/** Options of QEMU that a channel may need. None of them is measured; what is, is the matrix's to say. */
const QEMU_OPTIONS = ['-device', '-netdev', '-chardev', '-drive', '-blockdev', '-object'];

const words = z.array(z.string().min(1).max(4096)).max(256);
const isAllowed = (word: string): boolean => !word.startsWith('-') || QEMU_OPTIONS.includes(word);

const commandChannel = z.strictObject({
  channel: z.literal('command'),
  /** Where the command runs: on the host that launched, or on the machine of the harness. */
  run: z.enum(['host', 'here']).default('host'),
  /** Program and arguments. */
  command: words.min(1),
  /** More arguments for QEMU: the device through which the guest is reached. */
  qemuArguments: words
    .refine((all) => all.every(isAllowed), `expected no options but ${QEMU_OPTIONS.join(', ')}`)
    .refine((all) => !all.some((word) => word.includes('{nonce}')), 'QEMU is started before there is a nonce')
    .default([]),
  /** How long the guest may take until the command succeeds. */
  timeoutSeconds: z.int().min(1).max(180).default(120),
});

/** How reports come out of the guests of a matrix: the agent on its serial port, or a command. */
export const guestChannelSchema = z.discriminatedUnion('channel', [
  z.strictObject({ channel: z.literal('agent') }),
  commandChannel,
]);
export type GuestChannel = z.output<typeof guestChannelSchema>;
export type CommandChannel = Extract<GuestChannel, { channel: 'command' }>;

/** The keys that may stand in `guest` of matrix.json. */
export const GUEST_CHANNEL_KEYS: readonly string[] = Object.keys(commandChannel.shape);

/** Does a placeholder stand in any of these words? */
export function mentions(all: readonly string[], name: ChannelPlaceholder): boolean {
  return all.some((word) => word.includes(`{${name}}`));
}

/** Words whose placeholders are replaced by values; braces around anything else stay as they are. */
export function filled(
  all: readonly string[],
  values: Readonly<Partial<Record<ChannelPlaceholder, string>>>,
): string[] {
  const pattern = new RegExp(`\\{(${CHANNEL_PLACEHOLDERS.join('|')})\\}`, 'g');
  return all.map((word) => word.replaceAll(pattern, (whole, name: ChannelPlaceholder) => values[name] ?? whole));
}
