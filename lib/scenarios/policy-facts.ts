import type { PlatformFacts } from '../evidence/host-facts.ts';
import type { HostProvenance } from '../evidence/schema.ts';
import { kvmPolicyRulesOf } from '../identity/kvm-policy-rules.ts';
import type { PolicyHostFacts } from '../identity/policy-host-facts.ts';

/** Where SNP_FEATURE_INFO announces a policy bit in ECX of leaf 0x80000024. Source: AMD 56860, SNP_FEATURE_INFO */
const ECX_BITS = [
  ['raplDisabled', 2],
  ['ciphertextHiding', 3],
  ['memAes256Xts', 4],
  ['cxlAllowed', 5],
] as const;

const known = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

/** ECX as far as policies go; undefined where a bit of it is not known. */
function featureInfoEcx(features: PlatformFacts['policyFeatures']): number | undefined {
  if (ECX_BITS.some(([name]) => features[name] === null)) return undefined;
  return ECX_BITS.reduce((ecx, [name, bit]) => (features[name] === true ? ecx | (1 << bit) : ecx), 0);
}

/** The kernel whose KVM a host has, or passes for: `6.18` of the profile `upstream-6.18`. */
function kernelRelease({ kind, profile, kernel }: HostProvenance): string | undefined {
  const [, release] = (kind === 'emulated' ? /^upstream-(\S+)$/ : /^Linux (\S+)/).exec(
    (kind === 'emulated' ? profile : kernel) ?? '',
  ) ?? [undefined, undefined];
  return release;
}

/** What is known of a host as far as its launches depend on the guest policy. */
export function policyFactsOf(host: HostProvenance): PolicyHostFacts {
  const release = kernelRelease(host);
  const platform = host.facts?.platform;
  if (platform === undefined) return { kernelRelease: release };
  const { kernelPolicy, firmware, policyConditions } = platform;
  // The rules that go by the release are this side's own; what the host's table says is for kernels that they do not know.
  const fallback = release === undefined || kvmPolicyRulesOf(release) === undefined ? kernelPolicy : null;
  return {
    apiMajor: firmware?.apiMajor,
    apiMinor: firmware?.apiMinor,
    smtActive: known(platform.smtActive),
    sockets: known(platform.sockets),
    productLine: known(platform.product),
    kernelRelease: release,
    ...(fallback === null
      ? {}
      : {
          kvmRules: {
            policyKnown: BigInt(fallback.known),
            policyMustBeSet: BigInt(fallback.mustBeSet),
            policyMustBeClear: BigInt(fallback.mustBeClear),
          },
        }),
    featureInfoEcx: featureInfoEcx(platform.policyFeatures),
    memAes256Xts: known(policyConditions?.memAes256Xts),
    raplDisabled: known(policyConditions?.raplDisabled),
    ciphertextHiding: known(policyConditions?.ciphertextHiding),
    cxlPresent: known(policyConditions?.cxlPresent),
  };
}
