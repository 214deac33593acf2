import { KERNEL_HASHES_TABLE } from '../abi/kernel-hashes.ts';
import { sizeOf } from '../abi/layout.ts';
import { SEV_SECTION_TYPE } from '../abi/ovmf.ts';
import { PAGE_BYTES, PAGE_TYPE, vmsaGpaOf } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { hex } from './firmware-text.ts';
import type { FirmwareDescriptor, FirmwareSection, KernelHashes, PageRegion } from './inputs.ts';
import { kernelHashesSection } from './kernel-hashes.ts';
import type { LaunchContext } from './launch-context.ts';
import { sectionTypeName } from './section-check.ts';
import { sha384 } from './sha.ts';
import type { VmmProfile } from './vmm-profiles.ts';
import { type VcpuState, type VmsaPages, vmsaPages } from './vmsa.ts';

/** One measured page, told after it was measured. */
export interface MeasuredPage {
  pageType: number;
  gpa: bigint;
  what: string;
}

/** A section of the firmware as the VMM hands it over. */
export interface SectionRegion extends PageRegion {
  /** The name of the section type. */
  what: string;
  /** The bytes of the region; null where they are not measured. */
  contents: Uint8Array | null;
}

function noHashesTable(what: string): HarnessError {
  return new HarnessError({
    code: 'OVMF_NO_HASHES_TABLE',
    what: `a kernel is given, but the firmware cannot hold its hashes: ${what}`,
    hint: 'use an AmdSev build of OVMF (OVMF.amdsev.fd), or launch without kernel, initrd and append',
  });
}

/** QEMU stops on a smaller area. Source: QEMU, target/i386/sev.c, sev_add_kernel_loader_hashes. */
const HASHES_BYTES = sizeOf(KERNEL_HASHES_TABLE);

/** The table of kernel hashes of the firmware. @throws HarnessError OVMF_NO_HASHES_TABLE where it has none */
function hashesTableOf(firmware: FirmwareDescriptor): { gpa: number; sizeBytes: number } {
  if (firmware.hashesTable === null) throw noHashesTable('it has no table of kernel hashes');
  const { sizeBytes } = firmware.hashesTable;
  if (sizeBytes >= HASHES_BYTES) return firmware.hashesTable;
  throw noHashesTable(`its area for them has ${sizeBytes} bytes, and QEMU wants ${HASHES_BYTES}`);
}

/** The section of kernel hashes with the hashes in it. @throws HarnessError OVMF_NO_HASHES_TABLE */
function hashesInSection(firmware: FirmwareDescriptor, section: FirmwareSection, hashes: KernelHashes): SectionRegion {
  const table = hashesTableOf(firmware);
  const { gpa, sizeBytes } = section;
  if (table.gpa < gpa || table.gpa >= gpa + sizeBytes) {
    throw noHashesTable(
      `it expects them at ${hex(table.gpa)}, outside its KERNEL_HASHES section at ${hex(gpa)} of ${sizeBytes} bytes`,
    );
  }
  return hashesRegion(gpa, sizeBytes, kernelHashesSection(hashes, table.gpa, sizeBytes));
}

function hashesRegion(gpa: number, bytes: number, contents: Uint8Array): SectionRegion {
  return { gpa: BigInt(gpa), bytes, pageType: PAGE_TYPE.NORMAL, what: 'KERNEL_HASHES', contents };
}

/** The page of kernel hashes by itself, as it was before there was a section for it. */
function hashesPage(firmware: FirmwareDescriptor, hashes: KernelHashes): SectionRegion {
  const { gpa } = hashesTableOf(firmware);
  return hashesRegion(gpa - (gpa % PAGE_BYTES), PAGE_BYTES, kernelHashesSection(hashes, gpa, PAGE_BYTES));
}

/** A section of which only place and type are measured, as the profile hands it over. */
export function plainRegion({ gpa, sizeBytes, type }: FirmwareSection, profile: VmmProfile): SectionRegion {
  const what = sectionTypeName(type);
  const pageType = what === undefined ? PAGE_TYPE.ZERO : profile.sectionPageTypes[what];
  return { gpa: BigInt(gpa), bytes: sizeBytes, pageType, what: what ?? `section type ${hex(type)}`, contents: null };
}

const isHashes = ({ type }: FirmwareSection): boolean => type === SEV_SECTION_TYPE.KERNEL_HASHES;

/**
 * The sections of the firmware as the VMM hands them over, in order.
 * @param kernelHashes null: no kernel, or kernel-hashes=off   @param profile says order and page types
 * @throws HarnessError OVMF_NO_HASHES_TABLE where a kernel is given and there is no place for its hashes
 * Source: QEMU, target/i386/sev.c, snp_populate_metadata_pages; the sources of the profile.
 */
export function sectionRegions(
  firmware: FirmwareDescriptor,
  kernelHashes: KernelHashes | null,
  profile: VmmProfile,
): SectionRegion[] {
  const { sections } = firmware;
  const ordered =
    profile.sectionOrder === 'metadata'
      ? sections
      : [true, false].flatMap((first) => sections.filter(({ type }) => (type !== SEV_SECTION_TYPE.CPUID) === first));
  if (kernelHashes === null) return ordered.map((section) => plainRegion(section, profile));
  if (profile.hashesPage === 'after-firmware') {
    // A page can be handed over once: what stands first is not there again as a section.
    const others = ordered.filter((section) => !isHashes(section));
    return [hashesPage(firmware, kernelHashes), ...others.map((section) => plainRegion(section, profile))];
  }
  if (!sections.some(isHashes)) throw noHashesTable('it has no KERNEL_HASHES section');
  return ordered.map((section) =>
    isHashes(section) ? hashesInSection(firmware, section, kernelHashes) : plainRegion(section, profile),
  );
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

/** CONTENTS of the pages of all vCPUs: 48 bytes each. */
export function hashVmsas(pages: VmsaPages): VmsaPages {
  return { boot: sha384(pages.boot), application: sha384(pages.application) };
}

/**
 * Extends the launch digest by one VMSA a vCPU, vCPU 0 first. The digest of n vCPUs is on the way to that of n + 1, so
 * one walk gives the digests of all counts.
 * @param count as many vCPUs   @param afterPage called after each
 */
export function measureVmsas(
  context: LaunchContext,
  pages: VmsaPages,
  profile: VmmProfile,
  count: number,
  afterPage?: (page: MeasuredPage) => void,
): void {
  const { boot, application } = hashVmsas(pages);
  const gpa = vmsaGpaOf(profile.vmsaAddressBits);
  for (let index = 0; index < count; index += 1) {
    context.page(PAGE_TYPE.VMSA, gpa, index === 0 ? boot : application);
    afterPage?.({ pageType: PAGE_TYPE.VMSA, gpa, what: `vCPU ${index}` });
  }
}

/** Extends the launch digest by the VMSAs of a guest that starts in its firmware. @param resetVector of the firmware */
export function measureVcpus(
  context: LaunchContext,
  resetVector: number,
  state: VcpuState,
  count: number,
  afterPage?: (page: MeasuredPage) => void,
): void {
  measureVmsas(context, vmsaPages(resetVector, state), state.profile, count, afterPage);
}
