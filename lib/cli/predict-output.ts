import { writeFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import type { KernelHashes, LaunchInputs, LedgerEntry } from '../measure/inputs.ts';
import type { VcpuState } from '../measure/vmsa.ts';
import { ledgerJson, ledgerTable } from './ledger-text.ts';
import { type Output, type PredictOptions, usage } from './predict-options.ts';

/** What was predicted, and what it was made of. */
export interface Predicted {
  /** 48 bytes, 32 for SEV and SEV-ES. */
  digest: Uint8Array;
  /** What the digest depends on, as JSON has it. */
  inputs: object;
  ledger?: readonly LedgerEntry[] | undefined;
}

/** Bytes as lower-case hex digits. */
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The format that a command line asks for. @throws HarnessError USAGE for a ledger in base64 */
export function outputOf({ output, json, ledger }: PredictOptions): Output {
  const format = json ? 'json' : (output ?? 'hex');
  if (format !== 'base64' || !ledger) return format;
  throw usage('--ledger does not go with --output base64', 'it is a table, or JSON with --output json');
}

/** Kernel hashes as JSON has them. */
export function kernelHashesJson(hashes: KernelHashes | null): object | null {
  return hashes && { kernel: hexOf(hashes.kernel), initrd: hexOf(hashes.initrd), cmdline: hexOf(hashes.cmdline) };
}

/** What VMSAs depend on, as JSON has it: signature and features as they are measured. */
export function vcpusJson({ vcpus, vcpuSignature, guestFeatures, profile }: VcpuState & { vcpus: number }) {
  return {
    vcpus,
    vcpuSignature: vcpuSignature === null ? null : `0x${vcpuSignature.toString(16).padStart(8, '0')}`,
    guestFeatures: `0x${(profile.forcedFeatures ?? guestFeatures).toString(16)}`,
    vmmProfile: profile.name,
    vmsaAddressBits: profile.vmsaAddressBits,
  };
}

/** The inputs of an SNP launch as JSON has them. */
export function launchJson(inputs: LaunchInputs): object {
  return {
    firmware: writeFirmwareDescriptor(inputs.firmware),
    kernelHashes: kernelHashesJson(inputs.kernelHashes),
    ...vcpusJson(inputs),
  };
}

/** What is printed for a prediction: hex or base64 and a newline, the ledger as a table, or all of it as JSON. */
export function predictedText(mode: string, { digest, inputs, ledger }: Predicted, output: Output): string {
  if (output === 'json') {
    const written = { mode, digest: hexOf(digest), inputs, ledger: ledger && ledgerJson(ledger) };
    return `${JSON.stringify(written, null, 2)}\n`;
  }
  if (ledger !== undefined) return ledgerTable(ledger);
  return `${output === 'base64' ? Buffer.from(digest).toString('base64') : hexOf(digest)}\n`;
}
