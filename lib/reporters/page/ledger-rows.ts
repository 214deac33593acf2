import { PAGE_BYTES, pageTypeName } from '../../abi/page-info.ts';
import type { Evidence } from '../../evidence/schema.ts';
import { type TracedRegion, tracedRegions } from '../../judge/page-list.ts';
import type { LaunchInputs, LedgerEntry, PageRegion } from '../../measure/inputs.ts';
import { launchRegions, ledger } from '../../measure/predict.ts';
import type { LedgerRow } from './model.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function place(pageType: string, gpa: bigint, bytes: bigint): string {
  const pages = bytes / BigInt(PAGE_BYTES);
  return `${pageType.toUpperCase()} at 0x${gpa.toString(16)}, ${pages} ${pages === 1n ? 'page' : 'pages'}`;
}

const observedPlace = (region: TracedRegion | undefined): string | null =>
  region === undefined ? null : place(region.pageType, region.gpa, region.bytes);

/** The entries of the ledger that make up each region, and those after the last region. */
function byRegion(entries: readonly LedgerEntry[], regions: readonly PageRegion[]): LedgerEntry[][] {
  let at = 0;
  const groups = regions.map((region) => {
    const from = at;
    for (let pages = 0; pages * PAGE_BYTES < region.bytes && at < entries.length; at++) {
      pages += entries[at]?.pages ?? 1;
    }
    return entries.slice(from, at);
  });
  return [...groups, entries.slice(at)];
}

/** A stretch of measured pages before it is held against a trace. KVM measures VMSAs itself, so no trace tells of them. */
export type PredictedStretch = Omit<LedgerRow, 'observed'> & { traced: boolean };

/** The VMSAs: that of vCPU 0, and those of all others as one, for they are alike. */
function vcpuStretches(entries: readonly LedgerEntry[]): PredictedStretch[] {
  const [boot, ...others] = entries;
  const stretch = (what: string, entry: LedgerEntry, count: number): PredictedStretch => ({
    what,
    predicted: place(pageTypeName(entry.pageType), entry.gpa, BigInt(count * PAGE_BYTES)),
    digestAfter: hex(entry.digestAfter),
    traced: false,
  });
  const last = others.at(-1);
  return [
    ...(boot === undefined ? [] : [stretch(boot.what, boot, 1)]),
    ...(last === undefined
      ? []
      : [stretch(others.length === 1 ? last.what : `vCPU 1 to ${others.length}, alike`, last, others.length)]),
  ];
}

/**
 * The measured pages of a launch in stretches, in launch order.
 * @param inputs what the prediction was made from   @throws HarnessError as `predict`
 */
function predictedStretches(inputs: LaunchInputs): PredictedStretch[] {
  const regions = launchRegions(inputs);
  const entries = ledger(inputs);
  const image = inputs.firmware.sizeBytes === null ? entries.slice(0, 1) : [];
  const groups = byRegion(entries.slice(image.length), regions);
  const vcpus = groups.pop() ?? [];
  return [
    ...image.map(({ what, digestAfter }) => ({
      what,
      predicted: null,
      digestAfter: hex(digestAfter),
      traced: true,
    })),
    ...regions.map((region, index) => {
      const last = groups[index]?.at(-1);
      return {
        what: last?.what ?? '',
        predicted: place(pageTypeName(region.pageType), region.gpa, BigInt(region.bytes)),
        digestAfter: last === undefined ? null : hex(last.digestAfter),
        traced: true,
      };
    }),
    ...vcpuStretches(vcpus),
  ];
}

/** What was predicted beside what QEMU's trace tells; what only the trace has stands before the VMSAs. */
function besideTrace(stretches: readonly PredictedStretch[], trace: Evidence['outcome']['trace']): LedgerRow[] {
  const regions = tracedRegions(trace);
  const predicted = stretches.filter(({ traced }) => traced);
  const told = predicted.map(({ traced: _, ...row }, index) => ({ ...row, observed: observedPlace(regions[index]) }));
  const more = regions.slice(predicted.length).map((region) => ({
    what: 'not predicted',
    predicted: null,
    observed: observedPlace(region),
    digestAfter: null,
  }));
  const untold = stretches
    .filter(({ traced }) => !traced)
    .map(({ traced: _, ...row }) => ({ ...row, observed: undefined }));
  return [...told, ...more, ...untold];
}

/** What tells one launch's inputs from another's. */
function inputsKey({ firmware, kernelHashes, guestFeatures, profile, ...rest }: LaunchInputs): string {
  const { pagesDigest, ...descriptor } = firmware;
  const hashes = kernelHashes && Object.values(kernelHashes).map(hex);
  return JSON.stringify([hex(pagesDigest), descriptor, hashes, guestFeatures.toString(), profile.name, rest]);
}

/** Ledgers of launches, each measured once: cells that differ in policy or host alone have the same. */
export class Ledgers {
  readonly #known = new Map<string, PredictedStretch[]>();

  /**
   * The measured pages of a launch in stretches, predicted beside traced, in launch order.
   * @param inputs what the prediction was made from   @throws HarnessError as `predict`
   */
  rows(inputs: LaunchInputs, evidence: Evidence): LedgerRow[] {
    const key = inputsKey(inputs);
    const stretches = this.#known.get(key) ?? predictedStretches(inputs);
    this.#known.set(key, stretches);
    return besideTrace(stretches, evidence.outcome.trace);
  }
}
