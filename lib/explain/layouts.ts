import { SEV_SECTION_TYPE, type SectionName } from '../abi/ovmf.ts';
import { PAGE_TYPE } from '../abi/page-info.ts';
import type { FirmwareDescriptor, KernelHashes } from '../measure/inputs.ts';
import { type SectionRegion, sectionRegions } from '../measure/launch-steps.ts';
import type { VmmProfile } from '../measure/vmm-profiles.ts';

type Regions = readonly SectionRegion[];

/** A way of handing over the sections of a firmware that some VMM had, or a calculator took for granted. */
interface LayoutRow {
  readonly meaning: string;
  /** Changes the profile before the regions are made of it. */
  readonly profile?: (profile: VmmProfile) => VmmProfile;
  /** Changes the regions as the profile hands them over. */
  readonly regions?: (regions: Regions) => Regions;
}

const isType = (name: SectionName) => (region: SectionRegion) => region.what === name;
const isHashes = isType('KERNEL_HASHES');

function last(regions: Regions, moved: (region: SectionRegion) => boolean): Regions {
  return [...regions.filter((region) => !moved(region)), ...regions.filter(moved)];
}

function retyped(name: SectionName, pageType: number) {
  return (regions: Regions): Regions =>
    regions.map((region) => {
      if (region.what !== name || region.contents !== null) return region;
      const contents = pageType === PAGE_TYPE.NORMAL ? new Uint8Array(region.bytes) : null;
      return { ...region, pageType, contents };
    });
}

function swapped(left: SectionName, right: SectionName) {
  return (regions: Regions): Regions => {
    const [a, b] = [regions.findIndex(isType(left)), regions.findIndex(isType(right))];
    const [first, second] = [regions[a], regions[b]];
    if (first === undefined || second === undefined) return regions;
    return regions.map((region, index) => (index === a ? second : index === b ? first : region));
  };
}

/** Every layout by the name that explanations use. Sources: the entries of docs/mismatch-causes.md that name them. */
export const LAYOUTS = {
  'of-the-profile': { meaning: 'as the VMM profile says' },
  'hashes-after-firmware': {
    meaning: 'the page of kernel hashes right after the firmware, before all sections',
    profile: (profile) => ({ ...profile, hashesPage: 'after-firmware' }),
  },
  'hashes-in-section': {
    meaning: 'the page of kernel hashes at the place of its section',
    profile: (profile) => ({ ...profile, hashesPage: 'in-its-section' }),
  },
  'hashes-last': {
    meaning: 'the page of kernel hashes after all other sections',
    regions: (all) => last(all, isHashes),
  },
  'by-address': {
    meaning: 'the sections in the order of their addresses',
    regions: (all) => [...all].sort((left, right) => Number(left.gpa - right.gpa)),
  },
  'cpuid-last': {
    meaning: 'the CPUID page after all other sections',
    profile: (profile) => ({ ...profile, sectionOrder: 'cpuid-last' }),
  },
  'order-of-metadata': {
    meaning: 'the sections in the order of the metadata',
    profile: (profile) => ({ ...profile, sectionOrder: 'metadata' }),
  },
  'cpuid-before-secrets': { meaning: 'the CPUID page before the secrets page', regions: swapped('CPUID', 'SECRETS') },
  'memory-unmeasured': {
    meaning: 'memory sections as UNMEASURED pages',
    regions: retyped('SEC_MEM', PAGE_TYPE.UNMEASURED),
  },
  'memory-zero': { meaning: 'memory sections as ZERO pages', regions: retyped('SEC_MEM', PAGE_TYPE.ZERO) },
  'caa-absent': {
    meaning: 'the section of the SVSM calling area left out',
    regions: (all) => all.filter((region) => region.what !== 'SVSM_CAA'),
  },
  'caa-unmeasured': {
    meaning: 'the SVSM calling area as an UNMEASURED page',
    regions: retyped('SVSM_CAA', PAGE_TYPE.UNMEASURED),
  },
  'caa-normal': {
    meaning: 'the SVSM calling area as a NORMAL page of zeros',
    regions: retyped('SVSM_CAA', PAGE_TYPE.NORMAL),
  },
  'hashes-absent': {
    meaning: 'the section of kernel hashes left out',
    regions: (all) => all.filter((region) => region.what !== 'KERNEL_HASHES'),
  },
  'hashes-zero-normal': {
    meaning: 'the section of kernel hashes as a NORMAL page of zeros',
    regions: retyped('KERNEL_HASHES', PAGE_TYPE.NORMAL),
  },
  'no-sections': { meaning: 'no section of the firmware at all', regions: () => [] },
} as const satisfies Record<string, LayoutRow>;

export type LayoutName = keyof typeof LAYOUTS;

/**
 * The sections of a firmware as a layout hands them over.
 * @throws HarnessError OVMF_NO_HASHES_TABLE where hashes are given and the firmware has no place for them
 */
export function layoutRegions(
  name: LayoutName,
  firmware: FirmwareDescriptor,
  hashes: KernelHashes | null,
  profile: VmmProfile,
): Regions {
  const row: LayoutRow = LAYOUTS[name];
  const regions = sectionRegions(firmware, hashes, row.profile?.(profile) ?? profile);
  return row.regions?.(regions) ?? regions;
}

/** Can a layout differ from another for this firmware? One that only moves hashes cannot where there are none. */
export function hasSection(firmware: FirmwareDescriptor, name: SectionName): boolean {
  return firmware.sections.some(({ type }) => type === SEV_SECTION_TYPE[name]);
}

/** A layout as words. */
export function layoutMeaning(name: string): string {
  return Object.hasOwn(LAYOUTS, name) ? LAYOUTS[name as LayoutName].meaning : name;
}
