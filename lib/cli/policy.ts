import { Command } from 'commander';
import { EXIT_CODES, HarnessError } from '../errors.ts';
import {
  DEFAULT_GUEST_POLICY,
  describeGuestPolicy,
  explainGuestPolicy,
  parseGuestPolicy,
} from '../identity/guest-policy.ts';
import {
  type PolicyContradiction,
  policyContradictions,
  type UndecidedPolicyField,
  undecidedPolicyFields,
} from '../identity/policy-contradictions.ts';
import { guestPolicyIsValid, type PolicySuspicion, policySuspicion } from '../identity/policy-suspicions.ts';
import { parseUnsigned } from './numbers.ts';
import { addHostFactsOptions, type HostFactsFlags, hostFactsIn, kernelIsUncharted } from './policy-facts.ts';
import {
  addPolicyOptions,
  composePolicy,
  type PolicyBitFlags,
  policyIsComposed,
  policyOptions,
} from './policy-options.ts';

type PolicyFlags = HostFactsFlags & PolicyBitFlags & { json?: true; explain?: true };

const EXAMPLES = `
Examples:
  snp-conform policy 0x30000
  snp-conform policy --debug --no-smt --abi 1.55
  snp-conform policy 0xb0000 --no-debug
  snp-conform policy 0x20000 --host-kernel 6.12 --host-smt on

With a number alone every field is explained. With options that change it, the number is printed and nothing else;
without a number they start from 0x30000. Exit code 1: no firmware launches the policy, or the host named does not.`;

const hexOf = (value: bigint): string => `0x${value.toString(16)}`;

/** What is known of a policy on a host. */
interface OnHost {
  contradictions: PolicyContradiction[];
  undecided: UndecidedPolicyField[];
  /** Is its kernel one whose rules are not known? */
  uncharted: boolean;
}

/** All that is said of a policy. */
interface Explained {
  policy: bigint;
  suspicion: PolicySuspicion | null;
  /** null: nothing is known of a host. */
  host: OnHost | null;
}

const launches = ({ contradictions, undecided, uncharted }: OnHost): boolean =>
  contradictions.length + undecided.length === 0 && !uncharted;

function table(policy: bigint): string[] {
  const rows = [
    ['bits', 'field', 'value', 'meaning'],
    ...explainGuestPolicy(policy).map(({ bits, field, value, meaning, wrong }) => [
      bits,
      field,
      String(value),
      wrong ? `WRONG: ${meaning}` : meaning,
    ]),
    ...(parseGuestPolicy(policy).unknownBits === 0n ? [['63:26', 'RESERVED', '0', 'as it must be']] : []),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function contradictionText({ field, bits, refusedBy, certainty, why, remedy, refusal }: PolicyContradiction): string {
  const verb = certainty === 'certain' ? 'refuses' : 'is likely to refuse';
  const who = refusedBy === 'kvm' ? 'KVM' : 'the firmware';
  const where = bits.includes(':') ? `bits ${bits}` : `bit ${bits}`;
  return `${who} ${verb} ${field} (${where}): ${why}\n  then QEMU prints: ${refusal.line}\n  what to do: ${remedy}`;
}

function remarks({ suspicion, host }: Explained): string[] {
  const looks = suspicion?.kind === 'guest-features' ? 'this looks like guest features' : 'this looks like a typo';
  const meant = suspicion?.meant == null ? '' : `; did you mean ${hexOf(suspicion.meant)}?`;
  const undecided = host?.undecided.map(({ field, by }) => `${field} (${by === 'kvm' ? 'KVM' : 'firmware'})`) ?? [];
  return [
    ...(suspicion === null ? [] : [`${looks}: ${suspicion.why}${meant}`]),
    ...(host?.contradictions.map(contradictionText) ?? []),
    ...(host?.uncharted
      ? ['this kernel is older than the SNP support of Linux 6.11: what its KVM refuses is not known']
      : []),
    ...(undecided.length === 0 ? [] : [`not known of this host: ${undecided.join(', ')}`]),
    ...(host !== null && launches(host) ? ['this host launches it'] : []),
  ];
}

function json(explained: Explained): string {
  const { policy, suspicion, host } = explained;
  const { abiMajor, abiMinor } = parseGuestPolicy(policy);
  const written = {
    policy: hexOf(policy),
    valid: guestPolicyIsValid(policy),
    description: describeGuestPolicy(policy),
    abi: `${abiMajor}.${abiMinor}`,
    fields: explainGuestPolicy(policy),
    options: policyOptions(policy),
    suspicion: suspicion && { ...suspicion, meant: suspicion.meant === null ? null : hexOf(suspicion.meant) },
    host: host && {
      launches: host.contradictions.length > 0 ? false : launches(host) || null,
      contradictions: host.contradictions,
      undecided: host.undecided,
    },
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}

function explanation(explained: Explained): string {
  const options = policyOptions(explained.policy);
  const same = options === null ? [] : [`the same: snp-conform policy ${options.join(' ') || hexOf(explained.policy)}`];
  return [
    `guest policy ${describeGuestPolicy(explained.policy)}`,
    '',
    ...table(explained.policy),
    '',
    ...remarks(explained),
    ...same,
    '',
  ].join('\n');
}

async function run(number: string | undefined, flags: PolicyFlags): Promise<void> {
  const composed = policyIsComposed(flags);
  if (number === undefined && !composed) {
    throw new HarnessError({
      code: 'USAGE',
      what: 'no policy is given',
      where: 'snp-conform policy',
      hint: 'give a number, for example 0x30000, or options that make one, for example --debug',
    });
  }
  const start =
    number === undefined ? DEFAULT_GUEST_POLICY : parseUnsigned(number, 'policy', 64, 'GUEST_POLICY_INVALID');
  const policy = composePolicy(start, flags);
  const facts = await hostFactsIn(flags);
  const explained: Explained = {
    policy,
    suspicion: policySuspicion(policy),
    host: facts && {
      contradictions: policyContradictions(policy, facts),
      undecided: undecidedPolicyFields(policy, facts),
      uncharted: kernelIsUncharted(facts),
    },
  };
  if (flags.json) process.stdout.write(json(explained));
  else if (!composed || flags.explain) process.stdout.write(explanation(explained));
  else {
    process.stdout.write(`${hexOf(policy)}\n`);
    process.stderr.write(
      remarks(explained)
        .map((remark) => `${remark}\n`)
        .join(''),
    );
  }
  const refused = !guestPolicyIsValid(policy) || (explained.host?.contradictions.length ?? 0) > 0;
  if (refused) process.exitCode = EXIT_CODES.failure;
}

/** `snp-conform policy`: what a guest policy says, a policy made from options, and whether a host launches it. */
export function policyCommand(): Command {
  const command = new Command('policy').argument(
    '[number]',
    'the 64-bit POLICY, 0x hex or decimal; this is not the guest features',
  );
  addPolicyOptions(command)
    .option('--explain', 'explain a policy made from options too, in place of printing its number alone')
    .option('--json', 'print all of it as JSON');
  return addHostFactsOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((number: string | undefined, flags: PolicyFlags) => run(number, flags));
}
