import { DEFAULT_GUEST_POLICY, guestPolicyMask } from '../identity/guest-policy.ts';
import type { PolicyHostFacts } from '../identity/policy-host-facts.ts';
import { rightIdentity } from './identity-scenarios.ts';
import type { Scenario } from './scenario.ts';

const POLICY = 'AMD 56860, guest policy, SNP_LAUNCH_START and SNP_ACTIVATE';
const BYTE_MAX = 0xff;

const withSet = (name: Parameters<typeof guestPolicyMask>[0]) => () => DEFAULT_GUEST_POLICY | guestPolicyMask(name);
const withClear = (name: Parameters<typeof guestPolicyMask>[0]) => () => DEFAULT_GUEST_POLICY & ~guestPolicyMask(name);
const withBit = (bit: number) => () => DEFAULT_GUEST_POLICY | (1n << BigInt(bit));

/** A policy that wants an ABI so far from the host's own; undefined where that is not known or does not fit its byte. */
function withAbi(majors: number, minors: number) {
  return (_: bigint, { apiMajor, apiMinor }: PolicyHostFacts): bigint | undefined => {
    if (apiMajor === undefined || apiMinor === undefined) return undefined;
    const [major, minor] = [apiMajor + majors, majors > 0 ? 0 : apiMinor + minors];
    if (major > BYTE_MAX || minor > BYTE_MAX) return undefined;
    return DEFAULT_GUEST_POLICY | (BigInt(major) << 8n) | BigInt(minor);
  };
}

type Row = Pick<Scenario, 'name' | 'claim' | 'guestPolicy'>;

const ROWS: readonly Row[] = [
  {
    name: 'policy/default',
    claim: 'a policy that asks for nothing special is launched, and the report says that debugging is not allowed',
    guestPolicy: () => DEFAULT_GUEST_POLICY,
  },
  {
    name: 'policy/abi-of-the-host',
    claim: "a policy that wants the very ABI of the host's firmware is launched",
    guestPolicy: withAbi(0, 0),
  },
  {
    name: 'policy/abi-one-minor-newer',
    claim: 'a policy that wants an ABI one minor version newer than the firmware is not launched',
    guestPolicy: withAbi(0, 1),
  },
  {
    name: 'policy/abi-next-major',
    claim: 'a policy that wants the next major version of the ABI is not launched, whatever its minor version',
    guestPolicy: withAbi(1, 0),
  },
  {
    name: 'policy/no-smt',
    claim: 'a policy that forbids SMT is launched only where SMT is off',
    guestPolicy: withClear('SMT'),
  },
  {
    name: 'policy/bit-17-clear',
    claim: 'a policy with bit 17 clear is not launched',
    guestPolicy: withClear('RESERVED_ONE'),
  },
  {
    name: 'policy/migrate-ma',
    claim: 'a policy that allows a migration agent is not launched by KVM, which has none',
    guestPolicy: withSet('MIGRATE_MA'),
  },
  {
    name: 'policy/debug',
    claim: 'a policy that allows debugging is launched, and the report says so',
    guestPolicy: withSet('DEBUG'),
  },
  {
    name: 'policy/single-socket',
    claim: 'a policy of a single socket is launched only on a machine that has one',
    guestPolicy: withSet('SINGLE_SOCKET'),
  },
  {
    name: 'policy/cxl-allow',
    claim: 'a policy that allows CXL is launched only by a firmware that knows the bit',
    guestPolicy: withSet('CXL_ALLOW'),
  },
  {
    name: 'policy/mem-aes-256-xts',
    claim: 'a policy that wants AES-256-XTS is launched only where memory is encrypted so',
    guestPolicy: withSet('MEM_AES_256_XTS'),
  },
  {
    name: 'policy/rapl-dis',
    claim: 'a policy that wants RAPL off is launched only where it is',
    guestPolicy: withSet('RAPL_DIS'),
  },
  {
    name: 'policy/ciphertext-hiding-dram',
    claim: 'a policy that wants ciphertext hiding is launched only where it is on',
    guestPolicy: withSet('CIPHERTEXT_HIDING_DRAM'),
  },
  {
    name: 'policy/page-swap-disable',
    claim: 'a policy that forbids page swaps is launched only by a firmware that knows the bit',
    guestPolicy: withSet('PAGE_SWAP_DISABLE'),
  },
  {
    name: 'policy/reserved-bit-26',
    claim: 'a policy with the lowest reserved bit set is not launched',
    guestPolicy: withBit(26),
  },
  {
    name: 'policy/reserved-bit-63',
    claim: 'a policy with the highest bit set is not launched',
    guestPolicy: withBit(63),
  },
];

/** Guest policies that ask one thing each of the host; what must come of them follows from what is known of it. */
export const POLICY_SCENARIOS: readonly Scenario[] = ROWS.map((row) => ({
  ...row,
  suite: 'policy',
  source: POLICY,
  identity: rightIdentity,
  defects: [],
  expectation: { outcome: 'accepted' },
}));
