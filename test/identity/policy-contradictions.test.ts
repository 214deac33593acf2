import fc from 'fast-check';
import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import { createGuest } from '../../lib/firmware/guest-context.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { HOST_PROFILES, kernelAcceptsPolicy } from '../../lib/firmware/profiles.ts';
import { GUEST_POLICY_BITS } from '../../lib/identity/guest-policy.ts';
import { kvmPolicyRulesOf } from '../../lib/identity/kvm-policy-rules.ts';
import { policyContradictions, undecidedPolicyFields } from '../../lib/identity/policy-contradictions.ts';
import type { PolicyHostFacts } from '../../lib/identity/policy-host-facts.ts';
import { firmwareKnows } from '../../lib/identity/policy-platform-rules.ts';
import { PLATFORM } from '../firmware/platform.ts';
import { expect, test } from '../support/test.ts';

/** `kvm SMT`: who refuses what, in order. */
function refusals(policy: bigint, facts: PolicyHostFacts): string[] {
  return policyContradictions(policy, facts).map(({ refusedBy, field }) => `${refusedBy} ${field}`);
}

const undecided = (policy: bigint, facts: PolicyHostFacts): string[] =>
  undecidedPolicyFields(policy, facts).map(({ by, field }) => `${by} ${field}`);

// Sources: Linux 6.12 and 6.18, snp_launch_start; the pull request of KVM for 6.17; that for 6.19.
const KERNELS: readonly (readonly [release: string, policy: bigint, refused: readonly string[]])[] = [
  ['6.11.0', 0x30000n, []],
  ['6.12.107-generic', 0x20000n, ['kvm SMT']],
  ['6.16.9', 0x130000n, ['kvm SINGLE_SOCKET']],
  ['6.16.9', 0x120000n, ['kvm SMT', 'kvm SINGLE_SOCKET']],
  ['6.17.1', 0x20000n, []],
  ['6.18.15', 0x130000n, []],
  ['6.12.0', 0x70000n, ['kvm MIGRATE_MA']],
  ['6.12.0', 0xb0000n, []],
  ['6.18.15', 0x230000n, ['kvm CXL_ALLOW']],
  ['6.18.15', 0x2030000n, ['kvm PAGE_SWAP_DISABLE']],
  ['6.19.0', 0x70000n, ['kvm MIGRATE_MA']],
  ['7.1.0', 0x70000n, ['kvm MIGRATE_MA']],
];

for (const [release, policy, refused] of KERNELS) {
  test(`the KVM of Linux ${release} ${refused.length === 0 ? 'passes on' : 'refuses'} 0x${policy.toString(16)}`, () => {
    expect(refusals(policy, { kernelRelease: release })).toEqual(refused);
  });
}

test('a refusal of KVM has an errno and no status, one of the firmware has POLICY_FAILURE', () => {
  const [kvm, firmware] = policyContradictions(0x20000n, { kernelRelease: '6.12', smtActive: true });
  expect(kvm?.refusal).toMatchObject({ ret: -22, fwError: 0, line: "SNP_LAUNCH_START ret=-22 fw_error=0 ''" });
  expect(firmware?.refusal).toMatchObject({
    ret: -5,
    fwError: 7,
    line: "SNP_LAUNCH_START ret=-5 fw_error=7 'Policy is not allowed'",
  });
});

test('what a release says is likely, what the host said is certain', () => {
  const certainty = (facts: PolicyHostFacts) => policyContradictions(0x230000n, facts).map((each) => each.certainty);
  const kvmRules = kvmPolicyRulesOf('6.18');
  expect(certainty({ kernelRelease: '6.18' })).toEqual(['likely']);
  expect(certainty({ kvmRules })).toEqual(['certain']);
  expect(certainty({ kernelRelease: '6.18', kvmPolicyBits: 0x1bffffn })).toEqual(['certain']);
  expect(certainty({ productLine: 'Milan' })).toEqual(['likely']);
  expect(certainty({ featureInfoEcx: 0 })).toEqual(['certain']);
});

test('the policy bits that KVM tells win over what its release suggests', () => {
  expect(refusals(0x230000n, { kernelRelease: '6.12', kvmPolicyBits: 0x3bffffn })).toEqual([]);
  expect(refusals(0x230000n, { kernelRelease: '6.19', kvmPolicyBits: 0x1bffffn })).toEqual(['kvm CXL_ALLOW']);
});

test('a KVM that tells its bits and not its kernel wants bit 17 set, and no bit clear that it knows', () => {
  const facts = { kvmPolicyBits: 0x1bffffn };
  expect(refusals(0x3ffffn, facts)).toEqual([]);
  expect(refusals(0x10000n, facts)).toEqual(['kvm RESERVED_ONE', 'firmware RESERVED_ONE']);
});

test('it is said who refuses: this KVM where it told its rules, else kernels like that of the host', () => {
  const why = (facts: PolicyHostFacts) => policyContradictions(0x230000n, facts).map((each) => each.why);
  expect(why({ kvmRules: kvmPolicyRulesOf('6.18') })).toEqual(['the KVM of this host does not know the bit']);
  expect(why({ kvmPolicyBits: 0x1bffffn })).toEqual(['the KVM of this host does not know the bit']);
  expect(why({ kernelRelease: '6.18' })).toEqual([
    expect.stringMatching(/.+ \(this host runs 6\.18\) does not know the bit$/),
  ]);
});

// Source: AMD 56860, guest policy and SNP_FEATURE_INFO; the bits of ECX as Linux 6.19 reads them in sev_get_snp_policy_bits.
const FIRMWARE: readonly (readonly [
  claim: string,
  policy: bigint,
  facts: PolicyHostFacts,
  refused: readonly string[],
])[] = [
  ['SMT on, forbidden', 0x20000n, { smtActive: true }, ['firmware SMT']],
  ['SMT off, forbidden', 0x20000n, { smtActive: false }, []],
  ['SMT on, allowed', 0x30000n, { smtActive: true }, []],
  ['an older minor', 0x30138n, { apiMajor: 1, apiMinor: 55 }, ['firmware ABI']],
  ['the same version', 0x30137n, { apiMajor: 1, apiMinor: 55 }, []],
  ['an older major, a newer minor', 0x30201n, { apiMajor: 1, apiMinor: 55 }, ['firmware ABI']],
  ['a newer major, an older minor', 0x30137n, { apiMajor: 2, apiMinor: 0 }, []],
  ['two sockets', 0x130000n, { sockets: 2 }, ['firmware SINGLE_SOCKET']],
  ['one socket', 0x130000n, { sockets: 1 }, []],
  ['two sockets that are allowed', 0x30000n, { sockets: 2 }, []],
  ['RAPL_DIS not announced', 0x830000n, { featureInfoEcx: 0x3b }, ['firmware RAPL_DIS']],
  ['RAPL_DIS announced, RAPL on', 0x830000n, { featureInfoEcx: 4, raplDisabled: false }, ['firmware RAPL_DIS']],
  ['RAPL_DIS announced, RAPL off', 0x830000n, { featureInfoEcx: 4, raplDisabled: true }, []],
  ['ciphertext hiding not announced', 0x1030000n, { featureInfoEcx: 0x37 }, ['firmware CIPHERTEXT_HIDING_DRAM']],
  [
    'ciphertext hiding announced and off',
    0x1030000n,
    { featureInfoEcx: 8, ciphertextHiding: false },
    ['firmware CIPHERTEXT_HIDING_DRAM'],
  ],
  ['AES-256-XTS not announced', 0x430000n, { featureInfoEcx: 0x2f }, ['firmware MEM_AES_256_XTS']],
  ['AES-256-XTS announced', 0x430000n, { featureInfoEcx: 0x10 }, []],
  ['CXL_ALLOW not announced', 0x230000n, { featureInfoEcx: 0x1f }, ['firmware CXL_ALLOW']],
  ['CXL_ALLOW announced', 0x230000n, { featureInfoEcx: 0x20 }, []],
  ['CXL that is forbidden', 0x30000n, { cxlPresent: true }, ['firmware CXL_ALLOW']],
  ['PAGE_SWAP_DISABLE before 1.58', 0x2030000n, { apiMajor: 1, apiMinor: 57 }, ['firmware PAGE_SWAP_DISABLE']],
  ['PAGE_SWAP_DISABLE with 1.58', 0x2030000n, { apiMajor: 1, apiMinor: 58 }, []],
  ['CXL on Milan', 0x230000n, { productLine: 'Milan' }, ['firmware CXL_ALLOW']],
  ['CXL on Genoa', 0x230000n, { productLine: 'Genoa' }, []],
  ['ciphertext hiding on Genoa', 0x1030000n, { productLine: 'Genoa' }, ['firmware CIPHERTEXT_HIDING_DRAM']],
  ['ciphertext hiding on Turin', 0x1030000n, { productLine: 'Turin' }, []],
  ['what the firmware announces wins over the line', 0x230000n, { productLine: 'Milan', featureInfoEcx: 0x20 }, []],
  ['bit 17 clear', 0x10000n, {}, ['firmware RESERVED_ONE']],
  ['reserved bits', 0x8000000004030000n, {}, ['firmware RESERVED', 'firmware RESERVED']],
];

for (const [claim, policy, facts, refused] of FIRMWARE) {
  test(`${claim}: the firmware ${refused.length === 0 ? 'launches' : 'refuses'} 0x${policy.toString(16)}`, () => {
    expect(refusals(policy, facts)).toEqual(refused);
  });
}

test('several contradictions are all told, those of KVM first', () => {
  const facts = { kernelRelease: '6.12', apiMajor: 1, apiMinor: 51, smtActive: true, sockets: 2 };
  expect(refusals(0x120137n, facts)).toEqual([
    'kvm SMT',
    'kvm SINGLE_SOCKET',
    'firmware ABI',
    'firmware SMT',
    'firmware SINGLE_SOCKET',
  ]);
});

test('what the facts do not tell is undecided, and no contradiction', () => {
  expect(policyContradictions(0x120137n, {})).toEqual([]);
  expect(undecided(0x120137n, {})).toEqual([
    'kvm SMT',
    'kvm SINGLE_SOCKET',
    'firmware ABI',
    'firmware SMT',
    'firmware SINGLE_SOCKET',
  ]);
  expect(undecided(0xb0000n, {})).toEqual([]);
  expect(undecided(0x230000n, { kernelRelease: '6.19' })).toEqual(['kvm CXL_ALLOW', 'firmware CXL_ALLOW']);
  expect(undecided(0x230000n, { kernelRelease: '6.19', featureInfoEcx: 0x20 })).toEqual([]);
});

test('an API version of each parity passes every upstream kernel: none wants one of its bits clear', () => {
  for (const kernelRelease of ['6.12', '6.17', '6.19']) {
    for (const policy of [0x30000n, 0x30001n, 0x30101n]) expect(refusals(policy, { kernelRelease })).toEqual([]);
  }
});

test('every firmware knows SMT; what only some announce is not known before one was asked', () => {
  expect(firmwareKnows('SMT', {})).toBe(true);
  expect(firmwareKnows('CXL_ALLOW', {})).toBeUndefined();
});

test('a release that is none, or older than upstream SNP, has no rules', () => {
  for (const release of ['', 'mainline', '6', '5.19.0-snp-host', '6.9.0-snp-host', '6.10.1']) {
    expect(kvmPolicyRulesOf(release), release).toBeUndefined();
  }
});

// The emulated KVM has tables of its own: that both agree is evidence.
for (const profile of HOST_PROFILES) {
  test(`the profile ${profile.name} of the emulated KVM refuses exactly what is foretold of it`, () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 28n) - 1n }), fc.boolean(), (policy, announces) => {
        const firmware = announces
          ? { featureInfoEcx: 0x3c, apiMajor: 1, apiMinor: 58 }
          : { featureInfoEcx: 0, apiMajor: 1, apiMinor: 55 };
        const foretold = refusals(policy, { kvmRules: profile, ...firmware }).some((refusal) =>
          refusal.startsWith('kvm '),
        );
        expect(foretold).toBe(!kernelAcceptsPolicy(profile, policy, announces ? 0x3e0_0000n : 0n));
      }),
    );
  });
}

/** Policies with the lower bits as launches have them, and bits beyond 25 as often as not. */
const anyPolicy = fc
  .record({
    abi: fc.constantFrom(0n, 31n, 0x133n, 0x137n, 0x138n, 0x13an, 0x200n),
    bits: fc.nat(0x3ff),
    reserved: fc.constantFrom(0n, 0n, 0n, 1n << 26n, 1n << 63n),
  })
  // Whether memory is AES-256-XTS is not among the facts, so that bit is left out.
  .map(({ abi, bits, reserved }) => (abi | (BigInt(bits) << 16n) | reserved) & ~(1n << 22n));

const anyPlatform = fc.record({
  apiMinor: fc.constantFrom(51, 55, 56, 58),
  smtEnabled: fc.boolean(),
  sockets: fc.constantFrom(1, 2),
  announces: fc.subarray(['CXL_ALLOW', 'RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'] as const),
  meets: fc.subarray(['RAPL_DIS', 'CIPHERTEXT_HIDING_DRAM'] as const),
});

const ECX = { RAPL_DIS: 4, CIPHERTEXT_HIDING_DRAM: 8, CXL_ALLOW: 32 } as const;

// The emulated firmware has rules of its own too.
test('the emulated firmware refuses exactly the policies that are foretold of it, and nothing is left open', () => {
  fc.assert(
    fc.property(anyPolicy, anyPlatform, (policy, changes) => {
      const platform = { ...PLATFORM, ...changes };
      const facts: PolicyHostFacts = {
        apiMajor: platform.apiMajor,
        apiMinor: platform.apiMinor,
        smtActive: platform.smtEnabled,
        sockets: platform.sockets,
        featureInfoEcx: changes.announces.reduce((ecx, name) => ecx | ECX[name], 0),
        raplDisabled: changes.meets.includes('RAPL_DIS'),
        ciphertextHiding: changes.meets.includes('CIPHERTEXT_HIDING_DRAM'),
      };
      const guest = createGuest();
      const status = launchStart(guest, platform, policy) || activate(guest, platform, 1);
      expect(status).toBe(policyContradictions(policy, facts).length > 0 ? FIRMWARE_STATUS.POLICY_FAILURE : 0);
      expect(undecided(policy, facts).filter((field) => field.startsWith('firmware'))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('every named bit that is contradicted can be put right by changing that bit alone', () => {
  const facts = { kernelRelease: '6.12', smtActive: true, sockets: 2, featureInfoEcx: 0, apiMajor: 1, apiMinor: 55 };
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 26n) - 1n }), (random) => {
      let policy = random;
      for (const { field } of policyContradictions(policy, facts)) {
        const bit = GUEST_POLICY_BITS.find(({ name }) => name === field)?.bit;
        const mask = bit === undefined ? 0xffffn : 1n << BigInt(bit);
        const wantsSet = field === 'SMT' || field === 'RESERVED_ONE';
        policy = wantsSet ? policy | mask : policy & ~mask;
      }
      expect(refusals(policy, facts)).toEqual([]);
    }),
  );
});
