import { type Command, Option } from 'commander';
import { z } from 'zod';
import { HarnessError } from '../errors.ts';
import { hostReportSchema, provenanceOf } from '../evidence/host-report.ts';
import { readInputFile } from '../evidence/input-file.ts';
import { kvmPolicyRulesOf } from '../identity/kvm-policy-rules.ts';
import type { PolicyHostFacts } from '../identity/policy-host-facts.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import { parseCount } from './numbers.ts';

/** The options that say what is known of a host, as commander gives them. */
export interface HostFactsFlags {
  hostFacts?: string;
  hostKernel?: string;
  hostSmt?: 'on' | 'off';
  hostApi?: { major: number; minor: number };
  hostSockets?: number;
  hostProduct?: string;
}

const FACTS_BYTES_MAX = 1024 * 1024;

const byte = z.int().min(0).max(255);
const hexOrNumber = (bits: number) =>
  z
    .union([z.int().nonnegative(), z.string().regex(/^0x[0-9a-f]{1,16}$/i, 'a number, or 0x hex in a string')])
    .transform((value) => BigInt(value))
    .refine((value) => value < 1n << BigInt(bits), `at most ${bits} bits`);

/** The file of --host-facts: every field may be absent, which means that it is not known. */
const factsSchema = z.strictObject({
  apiMajor: byte.optional(),
  apiMinor: byte.optional(),
  smtActive: z.boolean().optional(),
  sockets: z.int().min(1).max(64).optional(),
  productLine: z.string().max(40).optional(),
  kernelRelease: z.string().max(200).optional(),
  kvmPolicyBits: hexOrNumber(64).optional(),
  featureInfoEcx: hexOrNumber(32).transform(Number).optional(),
  memAes256Xts: z.boolean().optional(),
  raplDisabled: z.boolean().optional(),
  ciphertextHiding: z.boolean().optional(),
  cxlPresent: z.boolean().optional(),
});

/** Reads `1.55`. @throws HarnessError NUMBER_INVALID */
export function parseApiVersion(text: string, option: string): { major: number; minor: number } {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(text) ?? [];
  if (major !== undefined && minor !== undefined && Number(major) < 256 && Number(minor) < 256) {
    return { major: Number(major), minor: Number(minor) };
  }
  throw new HarnessError({
    code: 'NUMBER_INVALID',
    what: `expected a version like 1.55, each part 0 to 255, got ${JSON.stringify(text.slice(0, 60))}`,
    where: option,
  });
}

function parseKernel(text: string): string {
  if (/^\d{1,3}\.\d{1,4}/.test(text)) return text;
  throw new HarnessError({
    code: 'USAGE',
    what: `expected a kernel release like 6.12, got ${JSON.stringify(text.slice(0, 60))}`,
    where: '--host-kernel',
    hint: '`uname -r` on the host says it',
  });
}

/** The product lines with SNP that have a name of their own. */
const PRODUCTS = ['Milan', 'Genoa', 'Bergamo', 'Siena', 'Turin', 'Venice'];

function parseProduct(text: string): string {
  const known = PRODUCTS.find((name) => name.toLowerCase() === text.toLowerCase());
  if (known !== undefined) return known;
  throw new HarnessError({
    code: 'USAGE',
    what: `there is no product line ${JSON.stringify(text.slice(0, 60))} with SNP`,
    where: '--host-product',
    hint: `known: ${PRODUCTS.join(', ')}`,
  });
}

/** Adds the options that say what is known of a host. */
export function addHostFactsOptions(command: Command): Command {
  return command
    .option('--host-facts <file>', 'what is known of the host, as JSON; the options below win over it')
    .option('--host-kernel <release>', 'its kernel, as `uname -r` says it: 6.12', parseKernel)
    .addOption(new Option('--host-smt <state>', 'is SMT on there?').choices(['on', 'off']))
    .option('--host-api <version>', "its firmware's API version: 1.55", (text) => parseApiVersion(text, '--host-api'))
    .option('--host-sockets <count>', 'how many sockets it has', (text) =>
      parseCount(text, '--host-sockets', 'NUMBER_INVALID'),
    )
    .option('--host-product <name>', `its product line: ${PRODUCTS.join(', ')}`, parseProduct);
}

async function factsOfFile(path: string): Promise<PolicyHostFacts> {
  const bytes = await readInputFile({ path, what: 'file of host facts', maxBytes: FACTS_BYTES_MAX });
  const refuse = (what: string, cause?: unknown): never => {
    const hint = `take hosts/NAME.json of a run, or an object of one's own; known fields: ${Object.keys(factsSchema.shape).join(', ')}`;
    throw new HarnessError({ code: 'JSON_INVALID', what, where: path, hint, cause });
  };
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    return refuse('the host facts are not JSON', cause);
  }
  const report = hostReportSchema.safeParse(content);
  if (report.success) {
    const provenance = provenanceOf(report.data);
    return provenance === undefined
      ? refuse('preflight could not ask this host, so nothing is known')
      : policyFactsOf(provenance);
  }
  const read = factsSchema.safeParse(content);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  return refuse(`${issue?.path.join('.') || 'the top'}: ${issue?.message ?? 'not as expected'}`);
}

/** Leaves out what is undefined, so that it wins over nothing. */
function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/**
 * What the options say of a host; null where they say nothing.
 * @throws HarnessError FILE_UNREADABLE, JSON_INVALID
 */
export async function hostFactsIn(flags: HostFactsFlags): Promise<PolicyHostFacts | null> {
  const { hostFacts, hostKernel, hostSmt, hostApi, hostSockets, hostProduct } = flags;
  const facts: PolicyHostFacts = {
    ...(hostFacts === undefined ? {} : await factsOfFile(hostFacts)),
    ...given({
      kernelRelease: hostKernel,
      smtActive: hostSmt === undefined ? undefined : hostSmt === 'on',
      apiMajor: hostApi?.major,
      apiMinor: hostApi?.minor,
      sockets: hostSockets,
      productLine: hostProduct,
    }),
  };
  return Object.keys(facts).length === 0 ? null : facts;
}

/** Is a kernel given whose rules are not known? It is older than upstream's SNP support. */
export function kernelIsUncharted({ kernelRelease, kvmPolicyBits, kvmRules }: PolicyHostFacts): boolean {
  const told = kvmPolicyBits !== undefined || kvmRules !== undefined;
  return !told && kernelRelease !== undefined && kvmPolicyRulesOf(kernelRelease) === undefined;
}
