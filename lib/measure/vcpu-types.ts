import { HarnessError } from '../errors.ts';
import { editDistance, mostSimilar } from '../similar.ts';

/** A CPU model of QEMU and the silicon it claims to be. All versions of one model claim the same. */
export interface VcpuModel {
  readonly name: string;
  /** The versions are `-v1` to `-v<latest>`. */
  readonly latestVersion: number;
  /** Other names of the same model. */
  readonly aliases: readonly string[];
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

/**
 * The CPU models of QEMU 11.1 for AMD processors with SNP, and two more that are met: QEMU's default, and Dhyana.
 * Source: QEMU, target/i386/cpu.c, and its answers to query-cpu-model-expansion.
 */
export const VCPU_MODELS = [
  { name: 'EPYC', latestVersion: 5, aliases: ['EPYC-IBPB'], family: 23, model: 1, stepping: 2 },
  { name: 'EPYC-Rome', latestVersion: 5, aliases: [], family: 23, model: 49, stepping: 0 },
  { name: 'EPYC-Milan', latestVersion: 4, aliases: [], family: 25, model: 1, stepping: 1 },
  { name: 'EPYC-Genoa', latestVersion: 3, aliases: [], family: 25, model: 17, stepping: 0 },
  { name: 'EPYC-Turin', latestVersion: 2, aliases: [], family: 26, model: 0, stepping: 0 },
  { name: 'Dhyana', latestVersion: 2, aliases: [], family: 24, model: 0, stepping: 1 },
  { name: 'qemu64', latestVersion: 1, aliases: [], family: 15, model: 107, stepping: 1 },
] as const satisfies readonly VcpuModel[];

/** The largest value of each property of `-cpu`. Source: QEMU, target/i386/cpu.c, x86_cpuid_version_set_*. */
const LIMITS = { family: 0xff + 0xf, model: 0xff, stepping: 0xf } as const;

/** Family, model and stepping as CPUID 1 EAX holds them. Source: AMD 24594, CPUID Fn0000_0001_EAX. */
export function cpuSignature(cpu: { family: number; model: number; stepping: number }): number {
  const extendedFamily = Math.max(0, cpu.family - 0xf);
  const family = Math.min(0xf, cpu.family);
  return (
    ((extendedFamily << 20) | ((cpu.model >> 4) << 16) | (family << 8) | ((cpu.model & 0xf) << 4) | cpu.stepping) >>> 0
  );
}

/** Every name of a model: without version, with each version, and its aliases. */
export function namesOf(model: VcpuModel): string[] {
  const versions = Array.from({ length: model.latestVersion }, (_, index) => `${model.name}-v${index + 1}`);
  return [model.name, ...versions, ...model.aliases];
}

const MODEL_OF_NAME: ReadonlyMap<string, VcpuModel> = new Map(
  VCPU_MODELS.flatMap((model) => namesOf(model).map((name) => [name, model] as const)),
);

/** Models whose family, model and stepping are those of the processor that they run on. */
const OF_THE_HOST: readonly string[] = ['host', 'max'];

/** Up to three known names like the given one, the closest first. */
function closeNames(name: string): string[] {
  const wanted = name.toLowerCase().slice(0, 64);
  return [...MODEL_OF_NAME.keys()]
    .map((known) => ({ known, distance: editDistance(wanted, known.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.min(4, wanted.length / 2))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map(({ known }) => known);
}

function unknownType(name: string): HarnessError {
  const signatureHint = 'or give the CPUID signature itself (CPUID leaf 1 EAX, for example 0x00800f12 for EPYC-v4)';
  if (OF_THE_HOST.includes(name)) {
    return new HarnessError({
      code: 'VCPU_TYPE_UNKNOWN',
      what: `the digest of a guest with vCPU type "${name}" depends on the processor of the host it is launched on`,
      hint: `name a fixed model such as EPYC-v4, give family=, model= and stepping= with it, ${signatureHint}`,
    });
  }
  const close = closeNames(name);
  const known = VCPU_MODELS.map((model) => `${model.name}[-v1..v${model.latestVersion}]`).join(', ');
  return new HarnessError({
    code: 'VCPU_TYPE_UNKNOWN',
    what: `unknown vCPU type ${JSON.stringify(name)}`,
    hint: `${close.length > 0 ? `did you mean ${close.join(', ')}? ` : ''}known: ${known}; ${signatureHint}`,
  });
}

type Property = keyof typeof LIMITS;
const isProperty = (key: string): key is Property => Object.hasOwn(LIMITS, key);

/** A value of `family=`, `model=` or `stepping=` in C notation, where a leading 0 means octal. */
function propertyValue(property: Property, text: string, vcpuType: string): number {
  const digits = /^\s{0,16}\+?(0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})$/i.exec(text)?.[1] ?? '';
  const value = digits === '' ? Number.NaN : Number(digits.replace(/^0(?=[0-7])/, '0o'));
  if (value <= LIMITS[property]) return value;
  throw new HarnessError({
    code: 'VCPU_TYPE_UNKNOWN',
    what: `${property}=${text} is not a number from 0 to ${LIMITS[property]}`,
    where: `vCPU type ${JSON.stringify(vcpuType)}`,
    hint: 'QEMU refuses it; numbers are decimal, 0x hex, or octal where they begin with 0',
  });
}

/**
 * Refuses an item that QEMU refuses and that was meant to say family, model or stepping: a misspelt one would be predicted
 * with the model's own. Of the many other properties none decides the digest. Source: QEMU, hw/core/cpu-common.c and
 * target/i386/cpu.c, x86_cpu_parse_featurestr.
 */
function checkOtherProperty(item: string, key: string, vcpuType: string): void {
  if (item === '' || item.startsWith('+') || item.startsWith('-')) return;
  const meant = mostSimilar(key, Object.keys(LIMITS));
  if (item.includes('=') && meant === undefined) return;
  throw new HarnessError({
    code: 'VCPU_TYPE_UNKNOWN',
    what: item.includes('=')
      ? `${key} is no property of a CPU model, ${meant} is`
      : `${JSON.stringify(item)} is neither property=value, nor a feature with + or - before it`,
    where: `vCPU type ${JSON.stringify(vcpuType)}`,
    hint: 'QEMU refuses it',
  });
}

/** What a `-cpu` value says itself of family, model and stepping; of a repeated property the last counts. */
function propertiesOf(vcpuType: string): { name: string; given: Partial<Record<Property, number>> } {
  const [name = '', ...items] = vcpuType.split(',');
  const given: Partial<Record<Property, number>> = {};
  for (const item of items) {
    const [key = '', value = ''] = item.split('=', 2);
    if (isProperty(key)) given[key] = propertyValue(key, value, vcpuType);
    else checkOtherProperty(item, key, vcpuType);
  }
  return { name, given };
}

/**
 * The CPUID signature (CPUID 1 EAX) that QEMU's `-cpu` gives the guest, which it leaves in RDX of every VMSA.
 * @param vcpuType a model name, or a whole `-cpu` value: `family=`, `model=`, `stepping=` count, feature flags do not
 * @returns 32 bits
 * @throws HarnessError VCPU_TYPE_UNKNOWN, also for `host` and `max` unless they are given all three: theirs are the host's
 */
export function vcpuSignatureOf(vcpuType: string): number {
  const { name, given } = propertiesOf(vcpuType);
  const known = MODEL_OF_NAME.get(name);
  const { family = known?.family, model = known?.model, stepping = known?.stepping } = given;
  const isKnown = known !== undefined || OF_THE_HOST.includes(name);
  if (isKnown && family !== undefined && model !== undefined && stepping !== undefined) {
    return cpuSignature({ family, model, stepping });
  }
  throw unknownType(name);
}

/**
 * The CPUID signature of a processor given by family, model and stepping.
 * @returns 32 bits   @throws HarnessError NUMBER_INVALID for a number that CPUID cannot say
 */
export function vcpuSignatureFrom(cpu: { family: number; model: number; stepping: number }): number {
  for (const property of ['family', 'model', 'stepping'] as const) {
    const value = cpu[property];
    if (Number.isInteger(value) && value >= 0 && value <= LIMITS[property]) continue;
    throw new HarnessError({
      code: 'NUMBER_INVALID',
      what: `expected a vCPU ${property} from 0 to ${LIMITS[property]}, got ${value}`,
      hint: 'numbers as CPUID has them put together: EPYC-v4 is family 23, model 1, stepping 2',
    });
  }
  return cpuSignature(cpu);
}
