import { PAGE_BYTES, pageTypeName } from '../../abi/page-info.ts';
import type { Evidence } from '../../evidence/schema.ts';
import { type TracedRegion, tracedRegions } from '../../judge/page-list.ts';
import type { LaunchInputs, LedgerEntry, PageRegion } from '../../measure/inputs.ts';
import { ledger, predict } from '../../measure/predict.ts';
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

/** The VMSAs: that of vCPU 0, and those of all others as one, for they are alike. KVM measures them, so no trace tells. */
function vcpuRows(entries: readonly LedgerEntry[]): LedgerRow[] {
  const [boot, ...others] = entries;
  const row = (what: string, entry: LedgerEntry, count: number): LedgerRow => ({
    what,
    predicted: place(pageTypeName(entry.pageType), entry.gpa, BigInt(count * PAGE_BYTES)),
    observed: undefined,
    digestAfter: hex(entry.digestAfter),
  });
  const last = others.at(-1);
  return [
    ...(boot === undefined ? [] : [row(boot.what, boot, 1)]),
    ...(last === undefined
      ? []
      : [row(others.length === 1 ? last.what : `vCPU 1 to ${others.length}, alike`, last, others.length)]),
  ];
}

/**
 * The measured pages of a launch in stretches, predicted beside traced, in launch order.
 * @param inputs what the prediction was made from   @throws HarnessError as `predict`
 */
export function ledgerRows(inputs: LaunchInputs, evidence: Evidence): LedgerRow[] {
  const { regions } = predict(inputs);
  const entries = ledger(inputs);
  const imageKnown = inputs.firmware.sizeBytes !== null;
  const traced = tracedRegions(evidence.outcome.trace);
  const image = imageKnown ? [] : entries.slice(0, 1);
  const groups = byRegion(entries.slice(image.length), regions);
  const vcpus = groups.pop() ?? [];
  const rows: LedgerRow[] = [
    ...image.map(({ what, digestAfter }) => ({
      what,
      predicted: null,
      observed: observedPlace(traced.shift()),
      digestAfter: hex(digestAfter),
    })),
    ...regions.map((region, index) => {
      const last = groups[index]?.at(-1);
      return {
        what: last?.what ?? '',
        predicted: place(pageTypeName(region.pageType), region.gpa, BigInt(region.bytes)),
        observed: observedPlace(traced[index]),
        digestAfter: last === undefined ? null : hex(last.digestAfter),
      };
    }),
  ];
  const more = traced.slice(regions.length).map((region) => ({
    what: 'not predicted',
    predicted: null,
    observed: observedPlace(region),
    digestAfter: null,
  }));
  return [...rows, ...more, ...vcpuRows(vcpus)];
}
