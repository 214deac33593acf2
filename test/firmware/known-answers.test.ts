import { createGuest } from '../../lib/firmware/guest-context.ts';
import { launchVmsa } from '../../lib/firmware/kvm/vmsa.ts';
import { activate, launchStart } from '../../lib/firmware/launch-start.ts';
import { launchUpdate } from '../../lib/firmware/launch-update.ts';
import { expect, test } from '../support/test.ts';
import { vectorBytes, vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { PLATFORM, POLICY, page } from './platform.ts';
import { resetVcpu } from './reset-vcpu.ts';

// Page types by number, so that a wrong constant of ours cannot hide.
const NORMAL = 1;
const VMSA = 2;
const ZERO = 3;
const SECRETS = 5;
const CPUID = 6;

/** The SEV metadata of the AmdSev image of edk2-stable202405; its last two come in the order of that release. */
const SECTIONS: readonly (readonly [gpa: number, bytes: number, pageType: number])[] = [
  [0x800000, 0x9000, ZERO],
  [0x80a000, 0x3000, ZERO],
  [0x80d000, 0x1000, SECRETS],
  [0x80e000, 0x1000, CPUID],
  [0x80f000, 0x1000, ZERO],
  [0x810000, 0x1000, ZERO],
  [0x811000, 0xf000, ZERO],
];

/** CPUID 1 EAX of EPYC-v4. */
const SIGNATURE = 0x800f12n;

/** The digest that the emulated firmware arrives at when it is fed what QEMU and KVM would hand to it. */
function measured(vcpus: number, features: bigint): string {
  const guest = createGuest();
  const hand = (pageType: number, gpa: bigint, contents: Uint8Array): void => {
    expect(launchUpdate(guest, PLATFORM, { pageType, gpa, contents })).toBe(0);
  };
  expect(launchStart(guest, PLATFORM, POLICY)).toBe(0);
  expect(activate(guest, PLATFORM, 1)).toBe(0);
  hand(NORMAL, 0xffff_f000n, vectorBytes('ovmf/ovmf_AmdSev_suffix.bin'));
  for (const [gpa, bytes, pageType] of SECTIONS) {
    for (let at = 0; at < bytes; at += 4096) hand(pageType, BigInt(gpa + at), page(pageType, 0n, 0xee).contents);
  }
  for (let id = 0; id < vcpus; id++) {
    const vmsa = launchVmsa(resetVcpu(id, SIGNATURE), { features, fpuStateMeasured: true });
    hand(VMSA, 0xffff_ffff_f000n, vmsa);
  }
  return Buffer.from(guest.launchDigest).toString('hex');
}

/** Source: sev-snp-measure 0.0.13 (commit 8f2b337), run on tests/fixtures/ovmf_AmdSev_suffix.bin, EPYC-v4. */
const PUBLISHED = [
  {
    vcpus: 1,
    features: 0x1n,
    digest: '19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6db5d6d76e7c5df632d',
  },
  {
    vcpus: 1,
    features: 0x21n,
    digest: 'e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b',
  },
  {
    vcpus: 4,
    features: 0x1n,
    digest: '49a5df7673889babb3ee480795e1be1571b812264c2c7cc3ac6f92298a2f8683d8c691b26d8114dd6afbd324c2150ae1',
  },
];

for (const { vcpus, features, digest } of PUBLISHED) {
  test(`fed what QEMU sets at reset, the firmware gives the published digest of ${vcpus} vCPU with features 0x${features.toString(16)}`, () => {
    test.skip(!vectorsPresent, vectorsAbsent);
    expect(measured(vcpus, features)).toBe(digest);
  });
}
