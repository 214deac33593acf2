import { Command } from 'commander';
import { HarnessError, inPlace } from '../errors.ts';
import { writeFirmwareDescriptor } from '../evidence/written-descriptor.ts';
import { ledger, predict } from '../measure/predict.ts';
import { predictSev, predictSevEs, sevEsVmsas } from '../measure/sev.ts';
import { sha256 } from '../measure/sha.ts';
import { predictSvsm, svsmLedger, svsmVmsas } from '../measure/svsm.ts';
import { vmsaPages } from '../measure/vmsa.ts';
import { dumpVmsas } from './dump-vmsa.ts';
import { hexOf } from './hex.ts';
import { ovmfHashInput, profileIn, sevEsInputs, sevInputs, snpInputs, svsmInputs } from './predict-inputs.ts';
import { checkMode } from './predict-modes.ts';
import { addPredictOptions, launchIsGiven, type Mode, type PredictOptions } from './predict-options.ts';
import { kernelHashesJson, launchJson, outputOf, type Predicted, predictedText, vcpusJson } from './predict-output.ts';
import { warningsOf } from './predict-warnings.ts';

const EXAMPLES = `
Examples:
  snp-conform predict --ovmf OVMF.amdsev.fd --vcpus 4 --vcpu-type EPYC-v4
  snp-conform predict --ovmf OVMF.amdsev.fd --vcpus 1 --vcpu-type EPYC-Milan \\
      --kernel vmlinuz --initrd initrd.img --append 'console=ttyS0' --ledger
  snp-conform predict --ovmf uefi.fd --vcpus 2 --vmm ec2
  snp-conform predict --mode svsm --svsm svsm.bin --ovmf OVMF_CODE.fd --vars-file OVMF_VARS.fd \\
      --vcpus 4 --vcpu-type EPYC-v4
  snp-conform predict --mode sev-es --ovmf OVMF.fd --vcpus 2 --vcpu-type EPYC-Rome --output base64
  snp-conform predict --from-argv /proc/4711/cmdline
  snp-conform predict --matrix matrix.json > published.json`;

const imageJson = (image: Uint8Array): object => ({ sizeBytes: image.length, sha256: hexOf(sha256(image)) });

/** How each mode is predicted. */
const PREDICTORS: Readonly<Record<Mode, (options: PredictOptions) => Promise<Predicted>>> = {
  snp: async (options) => {
    const { inputs, image } = await snpInputs(options);
    const rows = options.ledger ? ledger(inputs, image) : undefined;
    const vmsas = { pages: vmsaPages(inputs.firmware.resetVector, inputs), count: inputs.vcpus };
    return { digest: predict(inputs).launchDigest, inputs: launchJson(inputs), ledger: rows, vmsas };
  },
  'snp-ovmf-hash': async (options) => {
    const firmware = await ovmfHashInput(options);
    return { digest: firmware.pagesDigest, inputs: { firmware: writeFirmwareDescriptor(firmware) }, vmsas: null };
  },
  svsm: async (options) => {
    const inputs = await svsmInputs(options);
    const written = {
      firmware: imageJson(inputs.firmware),
      svsm: imageJson(inputs.svsm),
      varsBytes: inputs.varsBytes,
      ...vcpusJson(inputs),
    };
    const rows = options.ledger ? svsmLedger(inputs) : undefined;
    const vmsas = { pages: svsmVmsas(inputs), count: inputs.vcpus };
    return { digest: predictSvsm(inputs), inputs: written, ledger: rows, vmsas };
  },
  sev: async (options) => {
    const inputs = await sevInputs(options);
    const written = { firmware: imageJson(inputs.image), kernelHashes: kernelHashesJson(inputs.kernelHashes) };
    return { digest: predictSev(inputs), inputs: written, vmsas: null };
  },
  'sev-es': async (options) => {
    const inputs = await sevEsInputs(options);
    const { vmsaAddressBits: _, ...vcpus } = vcpusJson(inputs);
    const written = {
      firmware: imageJson(inputs.image),
      kernelHashes: kernelHashesJson(inputs.kernelHashes),
      ...vcpus,
    };
    const vmsas = { pages: sevEsVmsas(inputs), count: inputs.vcpus };
    return { digest: predictSevEs(inputs), inputs: written, vmsas };
  },
};

/** The error with the image that it is about, where it does not say itself. */
function ofImages(thrown: unknown, { ovmf, svsm }: PredictOptions): unknown {
  if (!(thrown instanceof HarnessError) || thrown.where !== undefined) return thrown;
  const image = { OVMF: ovmf, SVSM: svsm }[thrown.code.split('_', 1)[0] ?? ''];
  return image === undefined ? thrown : inPlace(thrown, image);
}

async function run(options: PredictOptions): Promise<void> {
  // What only some predictions need takes longer to load than the others take as a whole.
  if (launchIsGiven(options)) return (await import('./from-argv.ts')).predictLaunch(options);
  checkMode(options);
  if (options.matrix !== undefined) {
    const { printMatrix } = await import('./predict-matrix.ts');
    return printMatrix(options.matrix, options, new Date());
  }
  const output = outputOf(options);
  const predicted = await PREDICTORS[options.mode](options).catch((thrown: unknown) => {
    throw ofImages(thrown, options);
  });
  const { vmsas } = predicted;
  if (vmsas !== null) process.stderr.write(warningsOf(options, profileIn(options)).join(''));
  if (options.dumpVmsa !== undefined && vmsas !== null) await dumpVmsas(options.dumpVmsa, vmsas.pages, vmsas.count);
  process.stdout.write(predictedText(options.mode, predicted, output));
}

/** `snp-conform predict`: the launch digest of one launch, as hex, base64 or JSON, or as its ledger. */
export function predictCommand(): Command {
  const command = new Command('predict');
  return addPredictOptions(command).addHelpText('after', EXAMPLES).action(run);
}
