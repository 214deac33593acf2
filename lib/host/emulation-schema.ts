import { z } from 'zod';
import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { type Fault, FIRMWARE_COMMANDS, KVM_COMMANDS } from '../firmware/faults.ts';
import { ANNOUNCED_POLICY_BITS, CONDITIONAL_POLICY_BITS } from '../firmware/platform.ts';
import { DEFAULT_PRODUCT, makePlatform, PRODUCT_NAMES } from '../firmware/products.ts';
import { ERRNO } from '../firmware/relay.ts';

type Names<T extends object> = [keyof T & string, ...(keyof T & string)[]];
const namesOf = <T extends object>(table: T): Names<T> => Object.keys(table) as Names<T>;

const nth = z.int().min(1).optional();
/** A code by its name or its number. */
const codeOf = (table: Readonly<Record<string, number>>, words: string) =>
  z
    .union([z.enum(namesOf(table)), z.int().min(0).max(0xffff)], `expected ${words}, by name or number`)
    .transform((code) => (typeof code === 'number' ? code : (table[code] ?? 0)));
const status = codeOf(FIRMWARE_STATUS, 'a status of the firmware such as "BAD_SIGNATURE"');
const errno = codeOf(ERRNO, 'an errno such as "EINVAL"');

const firmwareFault = z.strictObject({
  command: z.enum(FIRMWARE_COMMANDS),
  status,
  insteadOf: status.optional(),
  nth,
});
const kvmFault = z.strictObject({ command: z.enum(KVM_COMMANDS), errno, status: status.optional(), nth });

/** One planted defect. */
const faultSchema: z.ZodType<Fault> = z.discriminatedUnion('command', [firmwareFault, kvmFault], {
  error: `expected a command: ${[...FIRMWARE_COMMANDS, ...KVM_COMMANDS].join(', ')}`,
});

const policyBit = z.enum(namesOf(ANNOUNCED_POLICY_BITS));

/** What an emulated host passes for, as hosts.json says it. */
export const emulationSchema = z
  .strictObject({
    /** Name of a host profile: the host kernel. */
    profile: z.string().min(1),
    product: z.enum(PRODUCT_NAMES).default(DEFAULT_PRODUCT),
    /** MAJOR.MINOR of the firmware's ABI; absent: that of the product. */
    apiVersion: z
      .string()
      .regex(/^\d{1,3}\.\d{1,3}$/, 'expected MAJOR.MINOR, such as "1.55"')
      .refine((version) => version.split('.').every((part) => Number(part) < 256), 'expected numbers below 256')
      .optional(),
    smt: z.boolean().default(true),
    sockets: z.int().min(1).max(8).default(1),
    /** Policy bits beyond bit 20 that the firmware knows; absent: those of the product. */
    announces: z.array(policyBit).max(8).optional(),
    /** Those among them whose condition the machine meets. */
    meets: z.array(z.enum(CONDITIONAL_POLICY_BITS)).max(8).default([]),
    faults: z.array(faultSchema).max(64).default([]),
  })
  .superRefine((emulation, context) => {
    const { announces } = makePlatform(emulation);
    for (const [index, bit] of emulation.meets.entries()) {
      if (announces.includes(bit)) continue;
      const message = `expected a bit that the firmware announces: ${announces.join(', ') || 'none'}`;
      context.addIssue({ code: 'custom', path: ['meets', index], message });
    }
  });

/** `emulation` of a host. */
export type EmulationEntry = z.output<typeof emulationSchema>;
