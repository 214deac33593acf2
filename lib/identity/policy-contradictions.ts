import { GUEST_POLICY_BITS, type GuestPolicyBit, guestPolicyHas, parseGuestPolicy } from './guest-policy.ts';
import { type KvmPolicyRules, kvmPolicyRulesOf } from './kvm-policy-rules.ts';
import type { PolicyHostFacts } from './policy-host-facts.ts';
import { announcedBits, certain, PLATFORM_RULES, type Reason } from './policy-platform-rules.ts';

/** The line that a refusal would leave on QEMU's standard error, and its numbers. */
export interface ExpectedRefusal {
  command: 'SNP_LAUNCH_START';
  /** -errno of the ioctl. */
  ret: number;
  fwError: number;
  line: string;
}

/** One reason why a host will not launch a policy. */
export interface PolicyContradiction extends Reason {
  /** The specification's name; ABI for the version, RESERVED for a bit without a name. */
  field: GuestPolicyBit | 'ABI' | 'RESERVED';
  /** The bits as the specification writes them: `16`, `15:0`. */
  bits: string;
  refusedBy: 'kvm' | 'firmware';
  refusal: ExpectedRefusal;
}

/** KVM answers before it asks the firmware. Source: Linux, arch/x86/kvm/svm/sev.c, snp_launch_start. */
const REFUSED_BY_KVM = {
  command: 'SNP_LAUNCH_START',
  ret: -22,
  fwError: 0,
  line: "SNP_LAUNCH_START ret=-22 fw_error=0 ''",
} as const satisfies ExpectedRefusal;

/** POLICY_FAILURE. Source: AMD 56860, SNP_LAUNCH_START; the words are QEMU's. */
const REFUSED_BY_FIRMWARE = {
  command: 'SNP_LAUNCH_START',
  ret: -5,
  fwError: 7,
  line: "SNP_LAUNCH_START ret=-5 fw_error=7 'Policy is not allowed'",
} as const satisfies ExpectedRefusal;

/** The name of a bit, RESERVED where it has none, ABI for those of the version. */
function fieldOfBit(bit: number): PolicyContradiction['field'] {
  return bit < 16 ? 'ABI' : (GUEST_POLICY_BITS.find((row) => row.bit === bit)?.name ?? 'RESERVED');
}

function setBits(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/** What KVM is known to pass on, and how well it is known; null: its kernel is not known. */
interface KvmGate {
  rules: KvmPolicyRules;
  /** Bits of which it depends on what the firmware announces, which is not known. */
  undecided: bigint;
  who: string;
  certainty: Reason['certainty'];
}

function kvmGateOf(facts: PolicyHostFacts): KvmGate | null {
  const { kvmRules, kvmPolicyBits, kernelRelease } = facts;
  const row = kernelRelease === undefined ? undefined : kvmPolicyRulesOf(kernelRelease);
  const rules = kvmRules ?? row;
  if (kvmPolicyBits !== undefined) {
    const { policyMustBeSet, policyMustBeClear } = rules ?? { policyMustBeSet: 1n << 17n, policyMustBeClear: 0n };
    const told = { policyKnown: kvmPolicyBits, policyMustBeSet, policyMustBeClear };
    return { rules: told, undecided: 0n, who: 'the KVM of this host', certainty: 'certain' };
  }
  if (rules === undefined) return null;
  const announced = announcedBits(facts);
  const ifAnnounced = rules.policyKnownIfAnnounced ?? 0n;
  return {
    rules: { ...rules, policyKnown: rules.policyKnown | (ifAnnounced & announced.known) },
    undecided: ifAnnounced & announced.unasked,
    who: kvmRules !== undefined ? 'the KVM of this host' : `${row?.kernels ?? ''} (this host runs ${kernelRelease})`,
    certainty: kvmRules === undefined ? 'likely' : 'certain',
  };
}

/** Bits that no kernel treats otherwise: bit 17 must be set, reserved ones clear, and there is no migration agent. */
function isSettled(field: PolicyContradiction['field']): boolean {
  return field === 'RESERVED_ONE' || field === 'RESERVED' || field === 'MIGRATE_MA';
}

function refusedByKvm(policy: bigint, { rules, undecided, who, certainty }: KvmGate): PolicyContradiction[] {
  const { policyKnown, policyMustBeSet, policyMustBeClear } = rules;
  const tell = (mask: bigint, verb: string, remedy: string): PolicyContradiction[] =>
    setBits(mask).map((bit) => {
      const settled = isSettled(fieldOfBit(bit));
      return {
        field: fieldOfBit(bit),
        bits: String(bit),
        refusedBy: 'kvm',
        certainty: settled ? 'certain' : certainty,
        why: `${who} ${verb}`,
        remedy: settled ? remedy : `${remedy}, or use a newer kernel`,
        refusal: REFUSED_BY_KVM,
      };
    });
  return [
    ...tell(policyMustBeSet & ~policy, 'wants the bit set', 'set the bit'),
    ...tell(policyMustBeClear & policy, 'wants the bit clear', 'clear the bit'),
    ...tell(policy & ~policyKnown & ~undecided, 'does not know the bit', 'clear the bit'),
  ];
}

/** What no firmware launches, on any host. */
function refusedAlways(policy: bigint): PolicyContradiction[] {
  const common = { refusedBy: 'firmware', refusal: REFUSED_BY_FIRMWARE } as const;
  const must = certain('bit 17 must be one', 'set the bit');
  const mustNot = certain('the bit is reserved and must be zero', 'clear the bit');
  return [
    ...(guestPolicyHas(policy, 'RESERVED_ONE')
      ? []
      : [{ ...common, ...must, field: 'RESERVED_ONE' as const, bits: '17' }]),
    ...setBits(parseGuestPolicy(policy).unknownBits).map((bit) => ({
      ...common,
      ...mustNot,
      field: 'RESERVED' as const,
      bits: String(bit),
    })),
  ];
}

/**
 * Every reason why a host will not launch a guest policy, as far as the facts tell: what KVM refuses first, for the firmware
 * is not asked then; of each, the first is what will be seen. A policy that nothing is said of may still be refused: see
 * `undecidedPolicyFields`.
 * @param policy the 64-bit POLICY of SNP_LAUNCH_START   @throws HarnessError GUEST_POLICY_INVALID
 * Source: AMD 56860, guest policy, SNP_LAUNCH_START; Linux, arch/x86/kvm/svm/sev.c, snp_launch_start
 */
export function policyContradictions(policy: bigint, facts: PolicyHostFacts): PolicyContradiction[] {
  const gate = kvmGateOf(facts);
  const ofPlatform = PLATFORM_RULES.filter(({ asks }) => asks(policy)).flatMap(({ field, bits, find }) => {
    const found = find(policy, facts);
    const refused = { field, bits, refusedBy: 'firmware', refusal: REFUSED_BY_FIRMWARE } as const;
    return typeof found === 'object' ? [{ ...refused, ...found }] : [];
  });
  return [...(gate === null ? [] : refusedByKvm(policy, gate)), ...refusedAlways(policy), ...ofPlatform];
}

/** A field of which the facts do not tell whether the host launches it, and by whom it might be refused. */
export interface UndecidedPolicyField {
  field: PolicyContradiction['field'];
  bits: string;
  by: PolicyContradiction['refusedBy'];
}

/** Bits that every KVM with SNP passes on, set or not: the version, SMT set, bit 17 set, DEBUG. */
const UNCONTESTED = 0xbffffn;

/**
 * The fields that ask something of the host which the facts do not tell. With no such field and no contradiction, the policy
 * launches.
 * @throws HarnessError GUEST_POLICY_INVALID
 */
export function undecidedPolicyFields(policy: bigint, facts: PolicyHostFacts): UndecidedPolicyField[] {
  const { unknownBits } = parseGuestPolicy(policy);
  const gate = kvmGateOf(facts);
  const contested = (policy & ~UNCONTESTED) | (guestPolicyHas(policy, 'SMT') ? 0n : 1n << 16n);
  const ofKvm = gate === null ? contested & ~unknownBits : policy & gate.undecided & ~gate.rules.policyKnown;
  const ofPlatform = PLATFORM_RULES.filter((rule) => rule.asks(policy) && rule.find(policy, facts) === 'unknown');
  return [
    ...setBits(ofKvm).map((bit) => ({ field: fieldOfBit(bit), bits: String(bit), by: 'kvm' as const })),
    ...ofPlatform.map(({ field, bits }) => ({ field, bits, by: 'firmware' as const })),
  ];
}
