import { isGiven, MODES, type Mode, type PredictOptions, typed, usage } from './predict-options.ts';

type OptionName = keyof PredictOptions;

const VCPUS = ['vcpus', 'vcpuType', 'vcpuSig', 'vcpuFamily', 'vcpuModel', 'vcpuStepping'] as const;
const FEATURES = ['guestFeatures', 'allowReservedFeatures'] as const;
const PROFILE = ['vmm', 'vmmProfile', 'fpuState'] as const;
const KERNEL = ['kernel', 'initrd', 'append', 'kernelSha256', 'initrdSha256', 'cmdlineSha256'] as const;
const SVSM = ['svsm', 'varsSize', 'varsFile'] as const;

/** The options that change what is predicted, by mode. An option that is in none goes with every mode. */
const OPTIONS_OF_MODE: Readonly<Record<Mode, readonly OptionName[]>> = {
  snp: [
    'ovmf',
    'firmwareDescriptor',
    'ovmfHash',
    ...VCPUS,
    ...FEATURES,
    ...KERNEL,
    ...PROFILE,
    'vmsaAddressBits',
    'ledger',
    'dumpVmsa',
    'matrix',
    'expires',
  ],
  'snp-ovmf-hash': ['ovmf', 'firmwareDescriptor'],
  svsm: ['ovmf', ...SVSM, ...VCPUS, ...FEATURES, ...PROFILE, 'vmsaAddressBits', 'ledger', 'dumpVmsa'],
  sev: ['ovmf', ...KERNEL],
  'sev-es': ['ovmf', ...VCPUS, ...FEATURES, ...KERNEL, ...PROFILE, 'dumpVmsa'],
};

/** What a matrix does not say itself. */
const BESIDE_MATRIX: readonly OptionName[] = ['matrix', 'mode', 'vmmProfile', 'fpuState', 'json', 'output', 'expires'];

const ALL: readonly OptionName[] = [...new Set(Object.values(OPTIONS_OF_MODE).flat())];

/** Holds a command line to its mode. @throws HarnessError USAGE for the first option that does not go with it */
export function checkMode(options: PredictOptions): void {
  const taken = OPTIONS_OF_MODE[options.mode];
  const stray = ALL.find((name) => isGiven(options, name) && !taken.includes(name));
  if (stray === undefined) return;
  const modes = MODES.filter((mode) => OPTIONS_OF_MODE[mode].includes(stray));
  throw usage(
    `${typed(stray)} does not go with --mode ${options.mode}`,
    `it goes with --mode ${modes.join(', ')}; --mode ${options.mode} takes ${taken.map(typed).join(', ')}`,
  );
}

/** Holds a command line with a matrix to what goes with one. @throws HarnessError USAGE */
export function checkMatrix(options: PredictOptions): void {
  const stray = ALL.find((name) => isGiven(options, name) && !BESIDE_MATRIX.includes(name));
  if (stray !== undefined) {
    const ofOne = stray === 'ledger' || stray === 'dumpVmsa';
    const hint = ofOne ? 'it is of one launch; --json with single options' : 'the axes of the matrix say it';
    throw usage(`--matrix goes without ${typed(stray)}`, hint);
  }
  if (options.output !== 'hex' && options.output !== 'base64') return;
  throw usage(`--matrix does not go with --output ${options.output}`, 'a matrix is printed as json, csv or rvps');
}
