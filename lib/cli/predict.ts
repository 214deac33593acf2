import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { cacheDirectory } from '../cache.ts';
import { writeFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import { ledger, predict } from '../measure/predict.ts';
import { predictSev, predictSevEs } from '../measure/sev.ts';
import { sha256 } from '../measure/sha.ts';
import { predictSvsm, svsmLedger } from '../measure/svsm.ts';
import { VMM_PROFILES } from '../measure/vmm-profiles.ts';
import { predictMatrix } from '../runner/predict-all.ts';
import { REFERENCE_FORMAT } from '../runner/reference.ts';
import { addLaunchOptions, launchIsGiven, predictLaunch } from './from-argv.ts';
import { ovmfHashInput, profileIn, sevEsInputs, sevInputs, snpInputs, svsmInputs } from './predict-inputs.ts';
import { checkMatrix, checkMode } from './predict-modes.ts';
import { addPredictOptions, type Mode, type PredictOptions } from './predict-options.ts';
import {
  hexOf,
  kernelHashesJson,
  launchJson,
  outputOf,
  type Predicted,
  predictedText,
  vcpusJson,
} from './predict-output.ts';

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
    return { digest: predict(inputs).launchDigest, inputs: launchJson(inputs), ledger: rows };
  },
  'snp-ovmf-hash': async (options) => {
    const firmware = await ovmfHashInput(options);
    return { digest: firmware.pagesDigest, inputs: { firmware: writeFirmwareDescriptor(firmware) } };
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
    return { digest: predictSvsm(inputs), inputs: written, ledger: rows };
  },
  sev: async (options) => {
    const inputs = await sevInputs(options);
    const written = { firmware: imageJson(inputs.image), kernelHashes: kernelHashesJson(inputs.kernelHashes) };
    return { digest: predictSev(inputs), inputs: written };
  },
  'sev-es': async (options) => {
    const inputs = await sevEsInputs(options);
    const { vmsaAddressBits: _, ...vcpus } = vcpusJson(inputs);
    const written = {
      firmware: imageJson(inputs.image),
      kernelHashes: kernelHashesJson(inputs.kernelHashes),
      ...vcpus,
    };
    return { digest: predictSevEs(inputs), inputs: written };
  },
};

/** The profile that was asked for; else every generation of QEMU that a host of hosts.json may be. */
function matrixProfiles(options: PredictOptions): string[] {
  if (!options.fpuState || options.vmm !== undefined || options.vmmProfile !== undefined)
    return [profileIn(options).name];
  return VMM_PROFILES.filter(
    ({ vmm, boots, hashesPage }) => vmm === 'qemu' && boots === 'firmware' && hashesPage === 'in-its-section',
  ).map(({ name }) => name);
}

/** The digests of all cells of a matrix, by VMM profile: what `run --reference` takes. */
async function printMatrix(matrixFile: string, options: PredictOptions): Promise<void> {
  checkMatrix(options);
  const folder = cacheDirectory(process.env, homedir());
  const predicted = await predictMatrix(resolve(matrixFile), matrixProfiles(options), folder);
  const digests = Object.fromEntries(
    [...predicted].map(([profile, cells]) => [
      profile,
      Object.fromEntries([...cells].map(([id, digest]) => [id, hexOf(digest)])),
    ]),
  );
  process.stdout.write(`${JSON.stringify({ format: REFERENCE_FORMAT, digests }, null, 2)}\n`);
}

async function run(options: PredictOptions): Promise<void> {
  if (launchIsGiven(options)) return predictLaunch(options);
  checkMode(options);
  if (options.matrix !== undefined) return printMatrix(options.matrix, options);
  const output = outputOf(options);
  const predicted = await PREDICTORS[options.mode](options);
  process.stdout.write(predictedText(options.mode, predicted, output));
}

/** `snp-conform predict`: the launch digest of one launch, as hex, base64 or JSON, or as its ledger. */
export function predictCommand(): Command {
  const command = new Command('predict').description('print the launch digest that a guest must have');
  return addLaunchOptions(addPredictOptions(command)).addHelpText('after', EXAMPLES).action(run);
}
