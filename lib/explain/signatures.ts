import { cpuSignature, VCPU_MODELS } from '../measure/vcpu-types.ts';
import type { CauseId } from './causes.ts';
import type { Change } from './change.ts';
import type { KnownLaunch } from './launch-state.ts';
import type { Likelihood, Option, OptionList } from './option.ts';

/**
 * Processors as they are, which `-cpu host` shows: family, models and steppings that were sold, and some around them.
 * Source: AMD's revision guides of families 17h, 19h and 1Ah; reports of hosts in public issue trackers.
 */
const SILICON: readonly { family: number; models: readonly number[]; steppings: readonly number[] }[] = [
  { family: 0x19, models: [0x01, 0x11, 0xa0], steppings: [0, 1, 2] },
  { family: 0x1a, models: [0x02, 0x11], steppings: [0, 1] },
  { family: 0x17, models: [0x01, 0x31], steppings: [0, 1, 2] },
];

/** Models next to those that were sold. */
const NEAR_MODELS = [0x00, 0x01, 0x02, 0x08, 0x10, 0x11, 0x18, 0x20, 0x31, 0x90, 0xa0] as const;

/** Signatures that were never meant: left out, or of a VMM that puts a constant there. */
const PLACEHOLDERS = [0, 0x600, 0x6fb] as const;

export const signatureText = (signature: number): string => `0x${signature.toString(16).padStart(8, '0')}`;

/** Of models with one signature the first. */
const MODEL_NAMES: ReadonlyMap<number, string> = new Map(
  VCPU_MODELS.map((model) => [cpuSignature(model), model.name] as const).reverse(),
);

/** The name of the model with a signature, without version: all versions have the same. */
export function modelOfSignature(signature: number): string | undefined {
  return MODEL_NAMES.get(signature);
}

function signatureChange({ vcpuType, launch: { vcpuSignature: from } }: KnownLaunch, to: number): Change {
  const name = modelOfSignature(to);
  if (name === undefined)
    return { input: 'vcpuSig', from: from === null ? null : signatureText(from), to: signatureText(to) };
  const fromName = vcpuType ?? (from === null ? null : (modelOfSignature(from) ?? signatureText(from)));
  return { input: 'vcpuType', from: fromName, to: name };
}

/** A signature in place of that of the prediction, put into words when it is told: nearly none of a million is. */
class SignatureOption implements Option {
  readonly #known: KnownLaunch;
  readonly #to: number;
  readonly cause: CauseId;
  readonly likelihood: Likelihood;
  readonly set: { readonly signature: number };

  constructor(known: KnownLaunch, to: number, cause: CauseId, likelihood: Likelihood) {
    this.#known = known;
    this.#to = to;
    this.cause = cause;
    this.likelihood = likelihood;
    this.set = { signature: to };
  }

  get change(): Change {
    return signatureChange(this.#known, this.#to);
  }
}

function option(known: KnownLaunch, to: number, cause: CauseId, likelihood: Likelihood): Option {
  return new SignatureOption(known, to, cause, likelihood);
}

/** The signatures that may be in RDX in place of that of the prediction, those of processors that are known. */
export function signatureOptions(known: KnownLaunch): Option[] {
  const models = VCPU_MODELS.map((model) => option(known, cpuSignature(model), 'vcpu-type', 'core'));
  const silicon = SILICON.flatMap(({ family, models: numbers, steppings }) =>
    numbers.flatMap((model) =>
      steppings.map((stepping) => option(known, cpuSignature({ family, model, stepping }), 'host-cpu', 'core')),
    ),
  );
  const near = SILICON.flatMap(({ family }) =>
    NEAR_MODELS.flatMap((model) =>
      Array.from({ length: 4 }, (_, stepping) =>
        option(known, cpuSignature({ family, model, stepping }), 'host-cpu', 'usual'),
      ),
    ),
  );
  return [
    ...models,
    ...silicon,
    ...PLACEHOLDERS.map((to) => option(known, to, 'signature-placeholder', 'core')),
    ...near,
  ];
}

/** Models and steppings of a family, 8 and 4 bits. */
const OF_A_FAMILY = 4096;

/** The last family that `-cpu` can say. Source: QEMU, target/i386/cpu.c, x86_cpuid_version_set_family. */
const LAST_FAMILY = 0xff + 0xf;

/** Families with SNP and those next to them, then all that AMD has or may come to have, then Intel's. */
const NEAR_FAMILIES: readonly number[] = [
  ...[0x19, 0x1a, 0x17, 0x18, 0x0f],
  ...[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x1b, 0x1c, 0x1d, 0x1e, 0x06],
];
const FAR_FAMILIES: readonly number[] = Array.from({ length: LAST_FAMILY + 1 }, (_, family) => family).filter(
  (family) => !NEAR_FAMILIES.includes(family),
);

/** The bits of a signature that say its family, and those that no processor sets. Source: AMD 24594, CPUID Fn0000_0001_EAX. */
const FAMILY_BITS = 0x0ff0_0f00;
const RESERVED_BITS = 0xf000_f000;

/** Every signature of some families but those that are options already. */
function* signaturesOf(families: readonly number[], taken: ReadonlySet<number>): Generator<number> {
  for (const family of families) {
    for (let index = 0; index < OF_A_FAMILY; index += 1) {
      const signature = cpuSignature({ family, model: index >> 4, stepping: index & 0xf });
      if (!taken.has(signature)) yield signature;
    }
  }
}

/** Options of signatures by number, which are listed when the first is asked for: there are a million. */
function listed(
  families: readonly number[],
  likelihood: Likelihood,
  known: KnownLaunch,
  taken: ReadonlySet<number>,
): OptionList {
  const first = new Set(families.map((family) => cpuSignature({ family, model: 0, stepping: 0 })));
  const left = [...taken].filter((one) => (one & RESERVED_BITS) === 0 && first.has(one & FAMILY_BITS));
  const length = families.length * OF_A_FAMILY - left.length;
  let made: Uint32Array | undefined;
  return {
    length,
    at: (index) => {
      made ??= Uint32Array.from(signaturesOf(families, taken));
      const signature = made[index];
      return signature === undefined ? undefined : option(known, signature, 'vcpu-signature', likelihood);
    },
  };
}

/**
 * All other signatures that a `-cpu` can say, every family, model and stepping: `wide` in families that an SNP guest may
 * have, `far` in the rest.
 * @param taken those that are options already
 */
export function otherSignatures(known: KnownLaunch, taken: ReadonlySet<number>): Record<'wide' | 'far', OptionList> {
  return {
    wide: listed(NEAR_FAMILIES, 'wide', known, taken),
    far: listed(FAR_FAMILIES, 'far', known, taken),
  };
}
