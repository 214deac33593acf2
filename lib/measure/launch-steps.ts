import { SEV_SECTION_TYPE } from '../abi/ovmf.ts';
import { PAGE_BYTES, PAGE_TYPE, VMSA_GPA } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { hex } from './firmware-text.ts';
import type { FirmwareDescriptor, KernelHashes, PageRegion } from './inputs.ts';
import { kernelHashesSection } from './kernel-hashes.ts';
import type { LaunchContext } from './launch-context.ts';
import { sectionTypeName } from './section-check.ts';
import { sha384 } from './sha.ts';
import { applicationVmsa, bootVmsa, type VcpuState } from './vmsa.ts';

/** One measured page, told after it was measured. */
export interface MeasuredPage {
  pageType: number;
  gpa: bigint;
  what: string;
}

/** A section of the firmware as QEMU hands it over. */
export interface SectionRegion extends PageRegion {
  /** The name of the section type. */
  what: string;
  /** The bytes of the region; null where they are not measured. */
  contents: Uint8Array | null;
}

/** The page type of each section type. Source: QEMU, target/i386/sev.c, snp_metadata_desc_to_page_type. */
const PAGE_TYPE_OF_SECTION: ReadonlyMap<number, number> = new Map<number, number>([
  [SEV_SECTION_TYPE.SECRETS, PAGE_TYPE.SECRETS],
  [SEV_SECTION_TYPE.CPUID, PAGE_TYPE.CPUID],
]);

function noHashesTable(what: string): HarnessError {
  return new HarnessError({
    code: 'OVMF_NO_HASHES_TABLE',
    what: `a kernel is given, but the firmware cannot hold its hashes: ${what}`,
    hint: 'use an AmdSev build of OVMF (OVMF.amdsev.fd), or launch without kernel, initrd and append',
  });
}

/** The contents of the kernel hashes section. @throws HarnessError OVMF_NO_HASHES_TABLE */
function hashesContents(firmware: FirmwareDescriptor, hashes: KernelHashes, region: PageRegion): Uint8Array {
  const table = firmware.hashesTable;
  if (table === null) throw noHashesTable('it has no table of kernel hashes');
  const begin = Number(region.gpa);
  if (table.gpa < begin || table.gpa >= begin + region.bytes) {
    throw noHashesTable(
      `it expects them at ${hex(table.gpa)}, outside its KERNEL_HASHES section at ${hex(begin)} of ${region.bytes} bytes`,
    );
  }
  return kernelHashesSection(hashes, table.gpa, region.bytes);
}

/**
 * The sections of the firmware as QEMU hands them over, in order.
 * @param kernelHashes null: no kernel, or kernel-hashes=off
 * @throws HarnessError OVMF_NO_HASHES_TABLE where a kernel is given and there is no place for its hashes
 * Source: QEMU, target/i386/sev.c, snp_populate_metadata_pages.
 */
export function sectionRegions(firmware: FirmwareDescriptor, kernelHashes: KernelHashes | null): SectionRegion[] {
  if (kernelHashes !== null && !firmware.sections.some(({ type }) => type === SEV_SECTION_TYPE.KERNEL_HASHES)) {
    throw noHashesTable('it has no KERNEL_HASHES section');
  }
  return firmware.sections.map(({ gpa, sizeBytes, type }) => {
    const region = { gpa: BigInt(gpa), bytes: sizeBytes, what: sectionTypeName(type) ?? `section type ${hex(type)}` };
    if (type === SEV_SECTION_TYPE.KERNEL_HASHES && kernelHashes !== null) {
      const pageType = PAGE_TYPE.NORMAL;
      return { ...region, pageType, contents: hashesContents(firmware, kernelHashes, { ...region, pageType }) };
    }
    return { ...region, pageType: PAGE_TYPE_OF_SECTION.get(type) ?? PAGE_TYPE.ZERO, contents: null };
  });
}

/** Extends the launch digest by the sections of the firmware, page by page. */
export function measureSections(
  context: LaunchContext,
  regions: readonly SectionRegion[],
  afterPage?: (page: MeasuredPage) => void,
): void {
  for (const { pageType, gpa: first, bytes, what, contents } of regions) {
    if (contents !== null) {
      context.region(pageType, first, contents, (gpa) => afterPage?.({ pageType, gpa, what }));
      continue;
    }
    for (let gpa = first; gpa < first + BigInt(bytes); gpa += BigInt(PAGE_BYTES)) {
      context.page(pageType, gpa);
      afterPage?.({ pageType, gpa, what });
    }
  }
}

/**
 * Extends the launch digest by one VMSA a vCPU, vCPU 0 first. The digest of n vCPUs is on the way to that of n + 1, so
 * one walk gives the digests of all counts.
 * @param resetVector of the firmware   @param count as many vCPUs   @param afterPage called after each
 */
export function measureVcpus(
  context: LaunchContext,
  resetVector: number,
  state: VcpuState,
  count: number,
  afterPage?: (page: MeasuredPage) => void,
): void {
  const boot = sha384(bootVmsa(state));
  const application = sha384(applicationVmsa(resetVector, state));
  for (let index = 0; index < count; index += 1) {
    context.page(PAGE_TYPE.VMSA, VMSA_GPA, index === 0 ? boot : application);
    afterPage?.({ pageType: PAGE_TYPE.VMSA, gpa: VMSA_GPA, what: `vCPU ${index}` });
  }
}
