import { cmdlineOptions, initrdOptions, kernelHashesOptions, kernelOptions } from './boot-options.ts';
import { featureOptions } from './features.ts';
import { addressOptions, firmwareOptions, layoutOptions, profileOptions, registerOptions } from './host-options.ts';
import type { KnownLaunch, LaunchState } from './launch-state.ts';
import { LIKELIHOODS, type Likelihood, type Option, type OptionList, type Subject } from './option.ts';
import { otherSignatures, signatureOptions } from './signatures.ts';

/** The subjects that have a list of options; of vCPU counts every number is one. */
export type ListedSubject = Exclude<Subject, 'vcpus'>;

/** The options of every subject by how usual they are, no two of them the same. */
export type Options = Readonly<Record<ListedSubject, Readonly<Record<Likelihood, OptionList>>>>;

/** One row a kind of hypothesis: where its candidates come from. */
const GENERATORS: Readonly<Record<ListedSubject, (known: KnownLaunch, base: LaunchState) => Option[]>> = {
  profile: (_, base) => profileOptions(base),
  features: (_, base) => featureOptions(base),
  signature: signatureOptions,
  address: (_, base) => addressOptions(base),
  registers: (_, base) => registerOptions(base),
  firmware: firmwareOptions,
  kernelHashes: kernelHashesOptions,
  kernel: kernelOptions,
  initrd: initrdOptions,
  cmdline: cmdlineOptions,
  layout: (_, base) => layoutOptions(base),
};

/** What tells apart two values of a part; files are told apart by what is measured of them. */
function valueKey(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    return part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part;
  });
}

function setKey(set: Partial<LaunchState>): string {
  const entries = Object.entries(set);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined && typeof first[1] !== 'object') return String(first[1]);
  return entries.map(([name, value]) => `${name} ${valueKey(value)}`).join('\n');
}

/** Of options with one effect the most usual, and of those the first; none that changes nothing. One with a key changes something. */
function distinct(options: readonly Option[], base: LaunchState): Option[] {
  const sorted = [...options].sort((left, right) => LIKELIHOODS[right.likelihood] - LIKELIHOODS[left.likelihood]);
  const seen = new Set<string>();
  const unchanged = new Map<string, string>();
  return sorted.filter((option) => {
    const key = option.key ?? setKey(option.set);
    if (seen.has(key)) return false;
    seen.add(key);
    if (option.key !== undefined) return true;
    const parts = Object.keys(option.set) as (keyof LaunchState)[];
    const names = parts.join(' ');
    const same = unchanged.get(names) ?? setKey(Object.fromEntries(parts.map((name) => [name, base[name]])));
    unchanged.set(names, same);
    return key !== same;
  });
}

function ranked(options: readonly Option[]): Record<Likelihood, OptionList> {
  const of = (wanted: Likelihood): OptionList => options.filter(({ likelihood }) => likelihood === wanted);
  return { top: of('top'), core: of('core'), usual: of('usual'), wide: of('wide'), far: of('far') };
}

/** All single changes that are thought of for a launch. */
export function optionsOf(known: KnownLaunch, base: LaunchState): Options {
  const listed = Object.fromEntries(
    Object.entries(GENERATORS).map(([subject, generate]) => [subject, distinct(generate(known, base), base)]),
  ) as Record<ListedSubject, Option[]>;
  const options = Object.fromEntries(
    Object.entries(listed).map(([subject, list]) => [subject, ranked(list)]),
  ) as Record<ListedSubject, Record<Likelihood, OptionList>>;
  const taken = [base.signature, ...listed.signature.map(({ set }) => set.signature ?? null)];
  const others = otherSignatures(known, new Set(taken.filter((signature) => signature !== null)));
  return { ...options, signature: { ...options.signature, ...others } };
}
