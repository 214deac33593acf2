import { productLineOf } from '../../abi/product-line.ts';
import type { PlatformFacts } from '../../evidence/host-facts.ts';
import { type AnnouncedPolicyBit, announcedMask, type Platform } from '../../firmware/platform.ts';
import type { HostProfile } from '../../firmware/profiles.ts';
import { policyRules } from './platform-facts.ts';

const DEBUG_SWAP = 1n << 5n;
const PAGE_SWAP_DISABLE = 1n << 25n;

/** What an emulated platform is: it follows from what was asked for, and the machine below it is not looked at. */
export function emulatedPlatform(profile: HostProfile, platform: Platform, cbitpos: number | null): PlatformFacts {
  const hex = (tcb: bigint): string => `0x${tcb.toString(16).padStart(16, '0')}`;
  const announced = (bit: AnnouncedPolicyBit): boolean => platform.announces.includes(bit);
  return {
    source: 'emulation',
    product: productLineOf(platform.cpuid.family, platform.cpuid.model) ?? null,
    cpu: { vendor: 'AuthenticAMD', ...platform.cpuid, name: 'emulated' },
    sockets: platform.sockets,
    smtActive: platform.smtEnabled,
    cbitpos,
    snpEnabled: true,
    snpInitialised: true,
    rmpInitialised: true,
    firmware: { apiMajor: platform.apiMajor, apiMinor: platform.apiMinor, build: platform.build },
    tcb: { current: hex(platform.tcb), reported: hex(platform.reportedTcb) },
    maskChipId: platform.chipIdMasked,
    maskChipKey: platform.chipKeyMasked,
    vlekEnabled: platform.vlekLoaded,
    policyFeatures: {
      cxlAllowed: announced('CXL_ALLOW'),
      memAes256Xts: announced('MEM_AES_256_XTS'),
      raplDisabled: announced('RAPL_DIS'),
      ciphertextHiding: announced('CIPHERTEXT_HIDING_DRAM'),
      pageSwapDisabled: (announcedMask(platform) & PAGE_SWAP_DISABLE) !== 0n,
    },
    policyConditions: {
      memAes256Xts: platform.meets.includes('MEM_AES_256_XTS'),
      raplDisabled: platform.meets.includes('RAPL_DIS'),
      ciphertextHiding: platform.meets.includes('CIPHERTEXT_HIDING_DRAM'),
      cxlPresent: false,
    },
    kvmAmd: {
      sev: true,
      sevEs: true,
      sevSnp: true,
      debugSwap: ((profile.featuresAlways | profile.featuresOnRequest) & DEBUG_SWAP) !== 0n,
      ciphertextHidingAsids: 0,
    },
    kernelPolicy: policyRules(profile, announcedMask(platform)),
    snpAsids: null,
  };
}
