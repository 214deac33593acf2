import fc from 'fast-check';
import { ANNOUNCED_POLICY_BITS, CONDITIONAL_POLICY_BITS, PRODUCT_NAMES } from '../../lib/firmware/platform.ts';
import type { PlatformOptions } from '../../lib/firmware/products.ts';
import { HOST_PROFILES } from '../../lib/firmware/profiles.ts';
import { describeExpectation } from '../../lib/scenarios/expectation.ts';
import { policyFactsOf } from '../../lib/scenarios/policy-facts.ts';
import { POLICY_SCENARIOS } from '../../lib/scenarios/policy-scenarios.ts';
import { launchName } from '../../lib/scenarios/scenario.ts';
import { expectationOf, findScenario, policyExpectation, SCENARIOS } from '../../lib/scenarios/scenarios.ts';
import { FakeQemu } from '../firmware/kvm/fake-qemu.ts';
import { expect, test } from '../support/test.ts';
import { madeHost } from './hosts.ts';

const NAMES = Object.values(SCENARIOS)
  .flat()
  .map(({ name }) => name);

test('every scenario is found by its name, which is of its suite and fits evidence and file names', () => {
  expect(new Set(NAMES).size).toBe(NAMES.length);
  for (const [suite, scenarios] of Object.entries(SCENARIOS)) {
    for (const scenario of scenarios) {
      expect(findScenario(scenario.name)).toBe(scenario);
      expect(scenario.name).toMatch(new RegExp(`^${suite}/[a-z0-9-]{1,60}$`));
      expect(scenario.suite).toBe(suite);
    }
  }
  expect(findScenario('identity/none')).toBeUndefined();
  expect([launchName('a/b', undefined), launchName('a/b', 'policy/debug')]).toEqual(['a/b', 'a/b/policy/debug']);
});

// Names stand in recordings and in the histories of CI systems: one that is gone or renamed is a test that is lost.
test('the scenarios of policies are these, in this order', () => {
  expect(POLICY_SCENARIOS.map(({ name }) => name.replace('policy/', ''))).toEqual([
    ...['default', 'abi-of-the-host', 'abi-one-minor-newer', 'abi-next-major', 'no-smt', 'bit-17-clear', 'migrate-ma'],
    ...['debug', 'single-socket', 'cxl-allow', 'mem-aes-256-xts', 'rapl-dis', 'ciphertext-hiding-dram'],
    ...['page-swap-disable', 'reserved-bit-26', 'reserved-bit-63'],
  ]);
});

/** What becomes of each policy scenario on a host: `a`ccepted, refused by `k`VM or by the `f`irmware, `?` not known. */
function outcomes(host: Parameters<typeof policyFactsOf>[0]): Record<string, string> {
  const facts = policyFactsOf(host);
  return Object.fromEntries(
    POLICY_SCENARIOS.map((scenario) => {
      const policy = scenario.guestPolicy(0x30000n, facts);
      const expectation = policy === undefined ? undefined : expectationOf(scenario, policy, facts);
      const letter = expectation?.outcome === 'refused' ? expectation.refusal.by[0] : expectation?.outcome[0];
      return [scenario.name.replace('policy/', ''), letter === 'u' ? '?' : (letter ?? '?')];
    }),
  );
}

const ALWAYS = {
  ...{ default: 'a', debug: 'a', 'abi-of-the-host': 'a', 'abi-one-minor-newer': 'f', 'abi-next-major': 'f' },
  ...{ 'bit-17-clear': 'k', 'migrate-ma': 'k', 'reserved-bit-26': 'k', 'reserved-bit-63': 'k' },
};

/** What people are told to expect. Source: AMD 56860, guest policy; Linux 6.12, 6.18, 6.19, snp_launch_start. */
const HOSTS: readonly [title: string, host: ReturnType<typeof madeHost>, outcomes: Record<string, string>][] = [
  [
    'Linux 6.12 refuses whatever it does not know, before the firmware is asked',
    madeHost('upstream-6.12', { product: 'Turin', smt: false, meets: ['RAPL_DIS'] }),
    {
      ...{ 'no-smt': 'k', 'single-socket': 'k', 'cxl-allow': 'k', 'mem-aes-256-xts': 'k', 'rapl-dis': 'k' },
      ...{ 'ciphertext-hiding-dram': 'k', 'page-swap-disable': 'k' },
    },
  ],
  [
    'Linux 6.18 leaves SMT and sockets to the firmware, which finds SMT on and two sockets',
    madeHost('upstream-6.18', { sockets: 2 }),
    {
      ...{ 'no-smt': 'f', 'single-socket': 'f', 'cxl-allow': 'k', 'mem-aes-256-xts': 'k', 'rapl-dis': 'k' },
      ...{ 'ciphertext-hiding-dram': 'k', 'page-swap-disable': 'k' },
    },
  ],
  [
    'Linux 6.19 passes on what a Turin announces, of which the machine meets one thing',
    madeHost('upstream-6.19', { product: 'Turin', smt: false, meets: ['RAPL_DIS'] }),
    {
      ...{ 'no-smt': 'a', 'single-socket': 'a', 'cxl-allow': 'a', 'mem-aes-256-xts': 'f', 'rapl-dis': 'a' },
      ...{ 'ciphertext-hiding-dram': 'f', 'page-swap-disable': 'a' },
    },
  ],
  [
    'Linux 6.19 on a Milan, which announces nothing',
    madeHost('upstream-6.19', { product: 'Milan' }),
    {
      ...{ 'no-smt': 'f', 'single-socket': 'a', 'cxl-allow': 'k', 'mem-aes-256-xts': 'k', 'rapl-dis': 'k' },
      ...{ 'ciphertext-hiding-dram': 'k', 'page-swap-disable': 'k' },
    },
  ],
];

for (const [title, { provenance }, expected] of HOSTS) {
  test(title, () => {
    expect(outcomes(provenance)).toEqual({ ...ALWAYS, ...expected });
  });
}

// Evidence of hosts that preflight could ask little: a guess would be a failure of the wrong thing.
test('what is not known of a host is not expected of it, and is named', () => {
  const { provenance } = madeHost('upstream-6.18');
  const { facts: _, ...unasked } = provenance;
  const hardware = { ...unasked, kind: 'hardware', profile: null, kernel: 'Linux 6.18.3 x86_64' } as const;
  expect(outcomes(hardware)).toMatchObject({
    default: 'a',
    'no-smt': '?',
    'abi-of-the-host': '?',
    'bit-17-clear': 'k',
  });
  expect(outcomes({ ...hardware, kernel: 'Linux 5.14.0-503.el9 x86_64' })).toMatchObject({
    ...{ default: 'a', debug: 'a', 'no-smt': '?', 'single-socket': '?' },
  });
  const expectation = policyExpectation(0x20000n, policyFactsOf(hardware));
  expect(describeExpectation(expectation)).toBe('not known: it is not known what this host makes of SMT (bit 16)');
});

test('an expectation that follows from a release alone says so', () => {
  const { provenance } = madeHost('upstream-6.12');
  const expectation = policyExpectation(0x20000n, policyFactsOf(provenance));
  expect(describeExpectation(expectation)).toBe("refused by KVM: SNP_LAUNCH_START ret=-22 fw_error=0 ''");
  expect(expectation.outcome === 'refused' && expectation.why).toMatch(/SMT \(bit 16\): .*6\.12.*\(likely: /);
});

const bits = <T extends string>(names: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...names]);
const platforms: fc.Arbitrary<PlatformOptions> = bits(
  Object.keys(ANNOUNCED_POLICY_BITS) as (keyof typeof ANNOUNCED_POLICY_BITS)[],
).chain((announces) =>
  fc.record({
    product: fc.constantFrom(...PRODUCT_NAMES),
    apiVersion: fc.constantFrom('1.51', '1.55', '1.58', '2.0'),
    smt: fc.boolean(),
    sockets: fc.integer({ min: 1, max: 2 }),
    announces: fc.constant(announces),
    meets: bits(CONDITIONAL_POLICY_BITS.filter((name) => announces.includes(name))),
  }),
);
/** Policies of which most are launched somewhere: few bits beside the usual ones, an ABI near those of the platforms. */
const policies = fc
  .tuple(
    fc.constantFrom(0n, 0x133n, 0x137n, 0x138n, 0x13an, 0x200n),
    fc.uniqueArray(fc.integer({ min: 16, max: 27 }), { maxLength: 2 }),
  )
  .map(([abi, flipped]) => flipped.reduce((policy, bit) => policy ^ (1n << BigInt(bit)), 0x30000n | abi));

// Two sides that share no table: which policies a kernel passes on and a firmware launches, and what is foretold of it.
test('the emulated kernel and firmware do to any policy what is expected of them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...HOST_PROFILES), platforms, policies, async (profile, options, policy) => {
      const host = madeHost(profile.name, options);
      const qemu = new FakeQemu(profile, { platform: host.platform });
      await qemu.init();
      const seen = await qemu.start(policy);
      const expectation = policyExpectation(policy, policyFactsOf(host.provenance));
      const { ret, fwError } =
        expectation.outcome === 'refused' ? expectation.refusal : { ret: expectation.outcome, fwError: 0 };
      expect({ ret, fwError }).toEqual({ ret: 'errno' in seen ? -seen.errno : 'accepted', fwError: seen.firmware });
    }),
    { numRuns: 600 },
  );
});
