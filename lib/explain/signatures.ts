import { cpuSignature, VCPU_MODELS } from '../measure/vcpu-types.ts';
import type { CauseId } from './causes.ts';
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

function option(known: KnownLaunch, to: number, cause: CauseId, likelihood: Likelihood): Option {
  const { vcpuType, launch } = known;
  const from = launch.vcpuSignature;
  const name = modelOfSignature(to);
  const fromName = vcpuType ?? (from === null ? null : (modelOfSignature(from) ?? signatureText(from)));
  const change =
    name === undefined
      ? ({ input: 'vcpuSig', from: from === null ? null : signatureText(from), to: signatureText(to) } as const)
      : ({ input: 'vcpuType', from: fromName, to: name } as const);
  return { change, cause, likelihood, set: { signature: to } };
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

/** Families that a `-cpu` of an SNP guest can say, from the first of AMD's with an extended family. */
const FAMILIES = Array.from({ length: 16 }, (_, index) => 0x0f + index);

/** Is a signature of one of them? Its family is 0xf and an extended one below 16, and no reserved bit is set. */
const isOfFamilies = (signature: number): boolean => (signature & 0xff00_ff00) >>> 0 === 0x0f00;

/** Models and steppings of a family, 8 and 4 bits. */
const OF_A_FAMILY = 4096;

/** All other signatures of these families, every model and stepping, made when the first is asked for. @param taken those that are options already */
export function wideSignatures(known: KnownLaunch, taken: ReadonlySet<number>): OptionList {
  let made: number[] | undefined;
  const signatures = (): number[] => {
    made ??= FAMILIES.flatMap((family) =>
      Array.from({ length: OF_A_FAMILY }, (_, index) =>
        cpuSignature({ family, model: index >> 4, stepping: index & 0xf }),
      ),
    ).filter((signature) => !taken.has(signature));
    return made;
  };
  return {
    length: FAMILIES.length * OF_A_FAMILY - [...taken].filter(isOfFamilies).length,
    at: (index) => {
      const signature = signatures()[index];
      return signature === undefined ? undefined : option(known, signature, 'vcpu-signature', 'wide');
    },
  };
}
