import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { readGuestFeatures } from '../measure/guest-features.ts';
import { AXES, type Axis } from './cell.ts';
import { DEFAULT_EXPLAIN, EXPLAIN_MODES } from './explain-mode.ts';
import { guestChannelSchema } from './guest-channel.ts';

const name = z
  .string()
  .max(60)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name of letters, digits, dots, dashes and underscores');
const NUMBER = /^(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$/;
const isNumber64 = (text: string): boolean => NUMBER.test(text) && BigInt(text) < 1n << 64n;
const NUMBER64 = 'expected a number of at most 64 bits, or a string of one (decimal or 0x hex)';
const number64 = z.union([z.int().nonnegative(), z.string().refine(isNumber64, NUMBER64)], NUMBER64);

/** Numbers too: names joined by `+`. What is wrong with a name is said in the words of the command line. */
const features = z.union([z.int().nonnegative(), z.string()]).superRefine((value, context) => {
  try {
    readGuestFeatures(String(value));
  } catch (thrown) {
    if (!(thrown instanceof HarnessError)) throw thrown;
    const hint = thrown.hint === undefined ? '' : ` (${thrown.hint})`;
    context.addIssue({ code: 'custom', message: `${thrown.what}${hint}` });
  }
});

/** An artifact of the matrix: a file on the machine of the harness. `cache:` at its start means the cache folder. */
const artifact = z.strictObject({ path: z.string().min(1) });
const artifacts = z.record(name, artifact);
const axisOf = <T extends z.ZodType>(value: T) => z.array(value).min(1).max(1024);
const scalar = z.union([z.string(), z.int(), z.null()]);
const oneOrMany = z.union([scalar, z.array(scalar).min(1)]);

/** matrix.json. */
export const matrixSchema = z.strictObject({
  $schema: z.string().optional(),
  format: z.literal('snp-conform/matrix@1'),
  artifacts: z.strictObject({
    firmware: artifacts,
    kernel: artifacts.default({}),
    initrd: artifacts.default({}),
  }),
  axes: z.strictObject({
    firmware: axisOf(name),
    /** null: launched without a kernel. */
    kernel: axisOf(name.nullable()).default([null]),
    initrd: axisOf(name.nullable()).default([null]),
    append: axisOf(z.string().nullable()).default([null]),
    guestPolicy: axisOf(number64).default(['0x30000']),
    guestFeatures: axisOf(features).default(['0x1']),
    vcpus: axisOf(z.int().min(1).max(512)),
    vcpuType: axisOf(
      z
        .string()
        .max(120)
        .regex(/^[A-Za-z0-9][A-Za-z0-9._+,=-]*$/, "the name of one of QEMU's CPU models, as -cpu takes it"),
    ),
    qemu: axisOf(name).default(['default']),
  }),
  /** Are bits of the guest features that no processor defines launched all the same? */
  allowReservedFeatures: z.boolean().default(false),
  /** How reports come out of the guests. */
  guest: guestChannelSchema.default({ channel: 'agent' }),
  /** How far to go to explain digests that differ. */
  explain: z.enum(EXPLAIN_MODES).default(DEFAULT_EXPLAIN),
  /** A combination that matches every key of a rule is left out; `hostTags` matches hosts that have one of the tags. */
  exclude: z
    .array(
      z.strictObject({
        why: z.string().min(1),
        hostTags: z.array(z.string()).min(1).optional(),
        ...Object.fromEntries(AXES.map((axis) => [axis, oneOrMany.optional()])),
      }),
    )
    .default([]),
});

export type Matrix = z.infer<typeof matrixSchema>;

/** One rule of `exclude`. */
export type Exclusion = { why: string; hostTags?: string[] | undefined } & {
  [A in Axis]?: string | number | null | (string | number | null)[] | undefined;
};
