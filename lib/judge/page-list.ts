import { PAGE_TYPE } from '../abi/page-info.ts';
import type { TraceEvent } from '../evidence/schema.ts';
import { type Finding, failed, notApplicable } from '../finding.ts';
import type { PageRegion } from '../measure/inputs.ts';
import { hexNumber, quoted } from '../text.ts';
import type { Subject } from './subject.ts';

/** The names of page types in QEMU's trace. Source: QEMU, target/i386/sev.c, snp_page_type_to_str. */
const TRACE_NAMES: Readonly<Record<number, string>> = {
  [PAGE_TYPE.NORMAL]: 'Normal',
  [PAGE_TYPE.ZERO]: 'Zero',
  [PAGE_TYPE.UNMEASURED]: 'Unmeasured',
  [PAGE_TYPE.SECRETS]: 'Secrets',
  [PAGE_TYPE.CPUID]: 'Cpuid',
};

/** One region of pages as the trace names it. */
export interface TracedRegion {
  gpa: bigint;
  bytes: bigint;
  /** QEMU's name, which is text from a host. */
  pageType: string;
}

/**
 * The regions of the first launch in a trace. QEMU traces every ioctl, and one that KVM did only in part is followed by
 * one for the rest: same end, same type, not before: so the first line of each region is the region. That a region was
 * handed over twice in full is therefore not seen here; KVM refuses it.
 * Source: QEMU, target/i386/sev.c, sev_snp_launch_update
 */
export function tracedRegions(trace: readonly TraceEvent[]): TracedRegion[] {
  const finish = trace.findIndex(({ event }) => event === 'launch_finish');
  const regions: TracedRegion[] = [];
  let reached = 0n;
  for (const line of finish < 0 ? trace : trace.slice(0, finish)) {
    if (line.event !== 'launch_update') continue;
    const region = { gpa: BigInt(line.gpa), bytes: BigInt(line.bytes), pageType: line.pageType };
    const last = regions.at(-1);
    const rest =
      last !== undefined &&
      last.pageType === region.pageType &&
      last.gpa + last.bytes === region.gpa + region.bytes &&
      region.gpa >= reached;
    reached = region.gpa;
    if (!rest) regions.push(region);
  }
  return regions;
}

function predictedRegion({ gpa, bytes, pageType }: PageRegion): TracedRegion {
  return { gpa, bytes: BigInt(bytes), pageType: TRACE_NAMES[pageType] ?? `type ${pageType}` };
}

function sameRegion(left: TracedRegion | undefined, right: TracedRegion | undefined): boolean {
  return left?.gpa === right?.gpa && left?.bytes === right?.bytes && left?.pageType === right?.pageType;
}

/** `#2 Zero 0x80a000+0x3000`: place in the list, type, guest-physical address, bytes. */
function words(region: TracedRegion | undefined, index: number): string {
  if (region === undefined) return `#${index} nothing`;
  return `#${index} ${quoted(region.pageType)} ${hexNumber(region.gpa)}+${hexNumber(region.bytes)}`;
}

/** The end of the firmware image: it lies right below 4 GiB. Source: QEMU, hw/i386/x86-common.c, x86_bios_rom_init. */
const IMAGE_END = 1n << 32n;

/** What of the observed regions the prediction speaks of: not of the image where its size is not known. */
function comparable(observed: TracedRegion[], imageKnown: boolean): TracedRegion[] {
  const [first] = observed;
  if (imageKnown || first === undefined) return observed;
  const isImage = first.pageType === TRACE_NAMES[PAGE_TYPE.NORMAL] && first.gpa + first.bytes === IMAGE_END;
  return isImage ? observed.slice(1) : observed;
}

/**
 * Did QEMU hand over the predicted regions, in order? The first that differs is named; numbers count from 0. A launch
 * that broke off is compared as far as it came, and passes only when it came to the end of the list.
 */
export function pageList({ prediction, evidence }: Subject): Finding {
  const { trace, state } = evidence.outcome;
  const expected = prediction.regions.map(predictedRegion);
  if (expected.length === 0) return notApplicable('the prediction names no pages');
  const imageKnown = expected[0]?.gpa === IMAGE_END - (expected[0]?.bytes ?? 0n);
  const traced = tracedRegions(trace);
  const complete = state === 'ran' || trace.some(({ event }) => event === 'launch_finish');
  if (!complete && traced.length === 0) {
    return notApplicable("QEMU's trace has no pages: the launch never came to them");
  }
  const observed = comparable(traced, imageKnown);
  const length = complete ? Math.max(expected.length, observed.length) : observed.length;
  for (let index = 0; index < length; index += 1) {
    if (sameRegion(expected[index], observed[index])) continue;
    const [want, got] = [words(expected[index], index), words(observed[index], index)];
    return failed(`QEMU handed over other pages than predicted, first at #${index}`, want, got);
  }
  const count = `${expected.length} regions`;
  if (length < expected.length) {
    return notApplicable(`the launch broke off after ${length} of ${count}, those as predicted`);
  }
  const detail = `QEMU handed over the predicted pages${imageKnown ? '' : '; the size of the image is not known'}`;
  return { status: 'pass', expected: count, observed: count, detail };
}
