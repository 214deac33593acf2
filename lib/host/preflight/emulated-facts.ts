import { productLineOf } from '../../abi/product-line.ts';
import type { PlatformFacts } from '../../evidence/host-facts.ts';
import type { Platform } from '../../firmware/platform.ts';
import type { HostProfile } from '../../firmware/profiles.ts';
import { policyRules } from './platform-facts.ts';

const DEBUG_SWAP = 1n << 5n;

/** What an emulated platform is: it follows from what was asked for, and the machine below it is not looked at. */
export function emulatedPlatform(profile: HostProfile, platform: Platform, cbitpos: number | null): PlatformFacts {
  const tcb = `0x${platform.tcb.toString(16).padStart(16, '0')}`;
  return {
    source: 'emulation',
    product: productLineOf(platform.cpuid.family, platform.cpuid.model) ?? null,
    cpu: { vendor: 'AuthenticAMD', ...platform.cpuid, name: 'emulated' },
    sockets: 1,
    smtActive: platform.smtEnabled,
    cbitpos,
    snpEnabled: true,
    snpInitialised: true,
    rmpInitialised: true,
    firmware: { apiMajor: platform.apiMajor, apiMinor: platform.apiMinor, build: platform.build },
    tcb: { current: tcb, reported: tcb },
    maskChipId: false,
    maskChipKey: false,
    vlekEnabled: false,
    policyFeatures: {
      cxlAllowed: false,
      memAes256Xts: false,
      raplDisabled: false,
      ciphertextHiding: false,
      pageSwapDisabled: false,
    },
    kvmAmd: {
      sev: true,
      sevEs: true,
      sevSnp: true,
      debugSwap: ((profile.featuresAlways | profile.featuresOnRequest) & DEBUG_SWAP) !== 0n,
      ciphertextHidingAsids: 0,
    },
    kernelPolicy: policyRules(profile),
    snpAsids: null,
  };
}
