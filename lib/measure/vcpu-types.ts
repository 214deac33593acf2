import { HarnessError } from '../errors.ts';
import { editDistance } from '../similar.ts';

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
 * The CPU models of QEMU 11.1 that an SNP host can run.
 * Source: QEMU, target/i386/cpu.c, and its answers to query-cpu-model-expansion.
 */
export const VCPU_MODELS = [
  { name: 'EPYC', latestVersion: 5, aliases: ['EPYC-IBPB'], family: 23, model: 1, stepping: 2 },
  { name: 'EPYC-Rome', latestVersion: 5, aliases: [], family: 23, model: 49, stepping: 0 },
  { name: 'EPYC-Milan', latestVersion: 4, aliases: [], family: 25, model: 1, stepping: 1 },
  { name: 'EPYC-Genoa', latestVersion: 3, aliases: [], family: 25, model: 17, stepping: 0 },
  { name: 'EPYC-Turin', latestVersion: 2, aliases: [], family: 26, model: 0, stepping: 0 },
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

/** Up to three known names like the given one, the closest first. */
function closeNames(name: string): string[] {
  const wanted = name.toLowerCase().slice(0, 64);
  return [...MODEL_OF_NAME.keys()]
    .map((known) => ({ known, distance: editDistance(wanted, known.toLowerCase()) }))
    .filter(({ distance }) => distance <= 4)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map(({ known }) => known);
}

function unknownType(name: string): HarnessError {
  const signatureHint = 'or give the CPUID signature itself (CPUID leaf 1 EAX, for example 0x00800f12 for EPYC-v4)';
  if (name === 'host' || name === 'max') {
    return new HarnessError({
      code: 'VCPU_TYPE_UNKNOWN',
      what: `the digest of a guest with vCPU type "${name}" depends on the processor of the host it is launched on`,
      hint: `name a fixed model such as EPYC-v4, ${signatureHint}`,
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

/** A value of `family=`, `model=` or `stepping=`; QEMU reads C notation, a leading 0 is octal there, so it is refused. */
function propertyValue(property: keyof typeof LIMITS, text: string, vcpuType: string): number {
  const value = /^(?:0|[1-9][0-9]*|0x[0-9a-f]+)$/i.test(text) ? Number(text) : Number.NaN;
  if (value <= LIMITS[property]) return value;
  throw new HarnessError({
    code: 'VCPU_TYPE_UNKNOWN',
    what: `${property}=${text} is not a number from 0 to ${LIMITS[property]}`,
    where: `vCPU type ${JSON.stringify(vcpuType)}`,
  });
}

/**
 * The CPUID signature (CPUID 1 EAX) that QEMU's `-cpu` gives the guest, which it leaves in RDX of every VMSA.
 * @param vcpuType a model name, or a whole `-cpu` value: `family=`, `model=`, `stepping=` count, feature flags do not
 * @returns 32 bits   @throws HarnessError VCPU_TYPE_UNKNOWN, also for `host` and `max`, whose signature is the host's
 */
export function vcpuSignatureOf(vcpuType: string): number {
  const [name = '', ...properties] = vcpuType.split(',');
  const known = MODEL_OF_NAME.get(name);
  if (known === undefined) throw unknownType(name);
  const cpu = { family: known.family, model: known.model, stepping: known.stepping };
  for (const property of properties) {
    const [key = '', value = ''] = property.split('=', 2);
    if (key === 'family' || key === 'model' || key === 'stepping') cpu[key] = propertyValue(key, value, vcpuType);
  }
  return cpuSignature(cpu);
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
