import { z } from 'zod';
import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import { splitTcb, type TcbComponent } from '../abi/tcb.ts';
import { type Fault, FIRMWARE_COMMANDS, KVM_COMMANDS } from '../firmware/faults.ts';
import {
  ANNOUNCED_POLICY_BITS,
  CONDITIONAL_POLICY_BITS,
  HOST_CACHES,
  PRODUCT_NAMES,
  WRITTEN_REPORT_VERSIONS,
} from '../firmware/platform.ts';
import { DEFAULT_PRODUCT, makePlatform, PRODUCT_TRAITS } from '../firmware/products.ts';
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

const spl = z.int().min(0).max(255);
const tcbSchema = z.strictObject({ fmc: spl, bootLoader: spl, tee: spl, snp: spl, microcode: spl }).partial();
const vlekSchema = z.strictObject({ cspId: z.string().regex(/^[\x20-\x7e]{1,100}$/, 'expected ASCII text') });
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
    /** Components of REPORTED_TCB that are lower than what runs. */
    reportedTcb: tcbSchema.default({}),
    /** Absent: that of the product's firmware. */
    reportVersion: z.literal(WRITTEN_REPORT_VERSIONS).optional(),
    /** Shows a CHIP_ID of zeros. */
    chipIdMasked: z.boolean().default(false),
    /** Does not sign with the VCEK. */
    chipKeyMasked: z.boolean().default(false),
    /** A provider's key that is loaded; absent: reports are signed by the VCEK. */
    vlek: vlekSchema.optional(),
    /** What the host gives guests with their reports. */
    hostCertificates: z.enum(HOST_CACHES).default('empty'),
    faults: z.array(faultSchema).max(64).default([]),
  })
  .superRefine((emulation, context) => {
    const { announces, tcb, product } = makePlatform(emulation);
    const running = splitTcb(tcb, PRODUCT_TRAITS[product].tcbLayout);
    for (const [name, level] of Object.entries(emulation.reportedTcb)) {
      const most = running[name as TcbComponent];
      if (level === undefined || (most !== undefined && level <= most)) continue;
      const message = most === undefined ? `${product} has no such component` : `expected at most ${most}, which runs`;
      context.addIssue({ code: 'custom', path: ['reportedTcb', name], message });
    }
    for (const [index, bit] of emulation.meets.entries()) {
      if (announces.includes(bit)) continue;
      const message = `expected a bit that the firmware announces: ${announces.join(', ') || 'none'}`;
      context.addIssue({ code: 'custom', path: ['meets', index], message });
    }
  });
