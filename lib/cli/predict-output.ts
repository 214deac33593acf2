import { writeFirmwareDescriptor } from '../evidence/written-descriptor.ts';
import type { KernelHashes, LaunchInputs, LedgerEntry } from '../measure/inputs.ts';
import type { VcpuState, VmsaPages } from '../measure/vmsa.ts';
import { hexOf } from './hex.ts';
import { ledgerRowJson, ledgerTable, vmsasJson } from './ledger-text.ts';
import { type Output, type PredictOptions, usage } from './predict-options.ts';

/** What was predicted, and what it was made of. */
export interface Predicted {
  /** 48 bytes, 32 for SEV and SEV-ES. */
  digest: Uint8Array;
  /** What the digest depends on, as JSON has it. */
  inputs: object;
  ledger?: readonly LedgerEntry[] | undefined;
  /** null: this mode has none. */
  vmsas: { pages: VmsaPages; count: number } | null;
}

/**
 * The format that the command line of one prediction asks for.
 * @throws HarnessError USAGE for a ledger in base64, and for the formats of a matrix
 */
export function outputOf({ output, json, ledger, expires }: PredictOptions): Output {
  const format = json ? 'json' : (output ?? 'hex');
  if (format === 'csv' || format === 'rvps') {
    throw usage(`--output ${format} goes with --matrix`, 'one digest is printed as hex, base64 or json');
  }
  if (expires !== undefined) throw usage('--expires goes with --matrix and --output rvps', 'drop it');
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

/** The ledger as a part of JSON: its rows, and what is in the VMSAs that it has the hashes of. */
export function ledgerPartJson(ledger: readonly LedgerEntry[], vmsas: VmsaPages | null): object {
  return { ...(vmsas && { vmsas: vmsasJson(vmsas) }), ledger: ledger.map(ledgerRowJson) };
}

/** A digest as hex or base64 and a newline; the ledger as a table where there is one. */
export function digestText(digest: Uint8Array, ledger: readonly LedgerEntry[] | undefined, output: Output): string {
  if (ledger !== undefined) return ledgerTable(ledger);
  return `${output === 'base64' ? Buffer.from(digest).toString('base64') : hexOf(digest)}\n`;
}

/** What is printed for a prediction: hex or base64 and a newline, the ledger as a table, or all of it as JSON. */
export function predictedText(mode: string, { digest, inputs, ledger, vmsas }: Predicted, output: Output): string {
  if (output !== 'json') return digestText(digest, ledger, output);
  const part = ledger && ledgerPartJson(ledger, vmsas?.pages ?? null);
  return `${JSON.stringify({ mode, digest: hexOf(digest), inputs, ...part }, null, 2)}\n`;
}
