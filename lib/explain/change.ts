import { guestFeatureNames } from '../measure/guest-features.ts';

/** The inputs that explanations name, as users and programs know them. */
export const INPUT_NAMES = [
  'guestFeatures',
  'vcpuType',
  'vcpuSig',
  'vcpus',
  'vmmProfile',
  'kernelHashes',
  'cmdline',
  'initrd',
  'kernel',
  'firmware',
  'pageOrder',
  'vmsaAddress',
  'mode',
] as const;
export type InputName = (typeof INPUT_NAMES)[number];

/** One input that is another than was thought. */
export interface Change {
  readonly input: InputName;
  /** What was predicted with, as text; null: nothing was given. */
  readonly from: string | null;
  /** What gives the digest. */
  readonly to: string | null;
}

/** How an explanation is known. `proof`: seen on the host. `match`: it reproduces the digest. `hint`: neither. */
export type ExplanationKind = 'proof' | 'match' | 'hint';

/** Text from outside, quoted, with control characters escaped and long texts cut. */
export function quotedText(text: string): string {
  const escaped = JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    },
  );
  return escaped.length > 600 ? `${escaped.slice(0, 597)}..."` : escaped;
}

function features(value: string): string {
  return `guest features ${value} (${guestFeatureNames(BigInt(value)).join('+')})`;
}

const file = (what: string) => (value: string | null) =>
  value === null ? `no ${what}` : `the ${what} ${quotedText(value).slice(1, -1)}`;

/** How a value of an input is called in a sentence. */
const PHRASES: Readonly<Record<InputName, (value: string | null) => string>> = {
  guestFeatures: (value) => features(value ?? '0x0'),
  vcpuType: (value) => (value === null ? 'no vCPU type' : `vCPU type ${value}`),
  vcpuSig: (value) => (value === null ? 'no vCPU signature' : `vCPU signature ${value}`),
  vcpus: (value) => (value === '0' ? 'no VMSA at all' : value === '1' ? '1 vCPU' : `${value} vCPUs`),
  vmmProfile: (value) => `VMM profile ${value}`,
  kernelHashes: (value) => `kernel hashes ${value}`,
  cmdline: (value) => (value === null ? 'no kernel command line' : `the kernel command line ${quotedText(value)}`),
  initrd: file('initrd'),
  kernel: file('kernel'),
  firmware: file('firmware'),
  pageOrder: (value) => `page order ${value}`,
  vmsaAddress: (value) => `VMSAs at ${value}`,
  mode: (value) => `mode ${value}`,
};

/** A value of an input as words: `guest features 0x21 (SNPActive+DebugSwap)`. */
export function inputPhrase(input: InputName, value: string | null): string {
  return PHRASES[input](value);
}
