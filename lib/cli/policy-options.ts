import type { Command } from 'commander';
import {
  buildGuestPolicy,
  DEFAULT_GUEST_POLICY,
  GUEST_POLICY_BITS,
  type GuestPolicyBit,
  parseGuestPolicy,
} from '../identity/guest-policy.ts';
import { guestPolicyIsValid } from '../identity/policy-suspicions.ts';
import { parseApiVersion } from './policy-facts.ts';

/** The options that make a policy, as commander gives them: one switch a bit, by its name in camel case. */
export interface PolicyBitFlags {
  abi?: { major: number; minor: number };
  [flag: string]: unknown;
}

/** The bits that options set and clear; bit 17 is none of them, for it is always one. */
const OPTION_BITS = GUEST_POLICY_BITS.filter(({ name }) => name !== 'RESERVED_ONE');

const optionOf = (name: GuestPolicyBit): string => name.toLowerCase().replaceAll('_', '-');
const flagOf = (name: GuestPolicyBit): string =>
  optionOf(name).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/** Adds the options that make a policy. */
export function addPolicyOptions(command: Command): Command {
  for (const { name, set, clear } of OPTION_BITS) {
    command.option(`--${optionOf(name)}`, `set ${name}: ${set}`).option(`--no-${optionOf(name)}`, `clear it: ${clear}`);
  }
  return command.option('--abi <version>', 'the least firmware API that may launch the guest: 1.55', (text) =>
    parseApiVersion(text, '--abi'),
  );
}

/** Is anything of the policy itself given by options? */
export function policyIsComposed(flags: PolicyBitFlags): boolean {
  return flags.abi !== undefined || OPTION_BITS.some(({ name }) => flags[flagOf(name)] !== undefined);
}

/** A policy with what the options change of it. @throws HarnessError GUEST_POLICY_INVALID */
export function composePolicy(start: bigint, flags: PolicyBitFlags): bigint {
  const { abiMajor, abiMinor, bits, unknownBits } = parseGuestPolicy(start);
  const isSet = (name: GuestPolicyBit): boolean => {
    const asked = flags[flagOf(name)];
    return typeof asked === 'boolean' ? asked : bits.includes(name);
  };
  return buildGuestPolicy({
    abiMajor: flags.abi?.major ?? abiMajor,
    abiMinor: flags.abi?.minor ?? abiMinor,
    bits: GUEST_POLICY_BITS.map(({ name }) => name).filter(isSet),
    unknownBits,
  });
}

/** The options that make a policy from the default one, as words; null where none do, for no firmware launches it. */
export function policyOptions(policy: bigint): string[] | null {
  if (!guestPolicyIsValid(policy)) return null;
  const { abiMajor, abiMinor, bits } = parseGuestPolicy(policy);
  const usual = parseGuestPolicy(DEFAULT_GUEST_POLICY).bits;
  const changed = OPTION_BITS.filter(({ name }) => bits.includes(name) !== usual.includes(name));
  return [
    ...changed.map(({ name }) => `--${bits.includes(name) ? '' : 'no-'}${optionOf(name)}`),
    ...(abiMajor === 0 && abiMinor === 0 ? [] : ['--abi', `${abiMajor}.${abiMinor}`]),
  ];
}
