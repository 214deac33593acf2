import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { firmwareBase, measureImage } from './firmware.ts';
import { checkGuestFeatures } from './guest-features.ts';
import type { LaunchInputs, LedgerEntry, PageRegion, Prediction } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
import {
  type MeasuredPage,
  measureSections,
  measureVcpus,
  type SectionRegion,
  sectionRegions,
} from './launch-steps.ts';
import type { VmmProfile } from './vmm-profiles.ts';

/** The most vCPUs that are predicted for: more than any SNP processor of one socket has threads. */
const VCPUS_MAX = 512;

/** Checks the count of vCPUs and gives it back. @throws HarnessError VCPU_COUNT */
export function checkVcpuCount(vcpus: number): number {
  if (Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= VCPUS_MAX) return vcpus;
  throw new HarnessError({
    code: 'VCPU_COUNT',
    what: `expected 1 to ${VCPUS_MAX} vCPUs, got ${vcpus}`,
    hint: 'it is the first number of -smp: the vCPUs present at launch, not maxcpus',
  });
}

/** Checks a vCPU signature, where there is one. @throws HarnessError NUMBER_INVALID */
export function checkSignature(signature: number | null): void {
  if (signature === null) return;
  if (Number.isInteger(signature) && signature >= 0 && signature <= 0xffff_ffff) return;
  throw new HarnessError({
    code: 'NUMBER_INVALID',
    what: `expected a vCPU signature of 32 bits (CPUID leaf 1 EAX), got ${signature}`,
  });
}

/** Holds a profile to what the guest starts in. @throws HarnessError VMM_PROFILE_UNKNOWN */
export function checkProfile(profile: VmmProfile, boots: VmmProfile['boots']): void {
  if (profile.boots === boots) return;
  throw new HarnessError({
    code: 'VMM_PROFILE_UNKNOWN',
    what: `VMM profile ${profile.name} is of guests that start in ${profile.boots === 'svsm' ? 'an SVSM' : 'their firmware'}`,
    hint: `a guest that starts in ${boots === 'svsm' ? 'an SVSM' : 'its firmware'} needs another; see \`snp-conform profiles\``,
  });
}

/** Checks what launch inputs say of the vCPUs. @throws HarnessError as `predict` */
export function checkVcpus(inputs: LaunchInputs): void {
  checkVcpuCount(inputs.vcpus);
  checkSignature(inputs.vcpuSignature);
  checkGuestFeatures(inputs.guestFeatures);
  checkProfile(inputs.profile, 'firmware');
}

/** Checks all inputs before any work is done, and gives back the sections as the VMM hands them over. */
function checkInputs(inputs: LaunchInputs): SectionRegion[] {
  checkVcpus(inputs);
  return sectionRegions(inputs.firmware, inputs.kernelHashes, inputs.profile);
}

/** Walks a launch from the end of the firmware image on. @returns 48 bytes, the launch digest */
function measureLaunch(
  inputs: LaunchInputs,
  regions: readonly SectionRegion[],
  afterPage?: (page: MeasuredPage, context: LaunchContext) => void,
): Uint8Array {
  const context = new LaunchContext(inputs.firmware.pagesDigest);
  const visit = afterPage && ((page: MeasuredPage) => afterPage(page, context));
  measureSections(context, regions, visit);
  measureVcpus(context, inputs.firmware.resetVector, inputs, inputs.vcpus, visit);
  return context.digest;
}

/** The firmware image as one region; none where only a descriptor without size is at hand. */
function imageRegions(imageBytes: number | null): PageRegion[] {
  if (imageBytes === null) return [];
  return [{ gpa: BigInt(firmwareBase(imageBytes)), bytes: imageBytes, pageType: PAGE_TYPE.NORMAL }];
}

function handedOver({ firmware }: LaunchInputs, sections: readonly SectionRegion[]): PageRegion[] {
  return [
    ...imageRegions(firmware.sizeBytes),
    ...sections.map(({ gpa, bytes, pageType }) => ({ gpa, bytes, pageType })),
  ];
}

/**
 * The launch digest that an SNP guest must have, and the regions that the VMM must hand over for it. The image is not among the regions where the descriptor does not know its size.
 * @throws HarnessError VCPU_COUNT, NUMBER_INVALID, GUEST_FEATURES_INVALID, OVMF_NO_HASHES_TABLE,
 * VCPU_TYPE_UNKNOWN where the profile needs a signature and there is none, VMM_PROFILE_UNKNOWN
 * Source: QEMU, target/i386/sev.c; Linux, arch/x86/kvm/svm/sev.c; AMD 56860, SNP_LAUNCH_UPDATE.
 */
export function predict(inputs: LaunchInputs): Prediction {
  const sections = checkInputs(inputs);
  return { launchDigest: measureLaunch(inputs, sections), regions: handedOver(inputs, sections) };
}

/** The regions of `predict` without its digest: nothing is measured. @throws HarnessError as `predict` */
export function launchRegions(inputs: LaunchInputs): PageRegion[] {
  return handedOver(inputs, checkInputs(inputs));
}

/** What the ledger calls the pages of a firmware image. */
const IMAGE = 'firmware image';

/** The row of a page that was just measured. */
export function ledgerRow(page: MeasuredPage, { contents, digest }: LaunchContext): LedgerEntry {
  return { ...page, pages: 1, contents, digestAfter: digest };
}

/** One row for a whole image of which only the digest is known; no pages and address 0 where its size is not known. */
function imageRow({ sizeBytes, pagesDigest }: LaunchInputs['firmware']): LedgerEntry {
  return {
    pageType: PAGE_TYPE.NORMAL,
    gpa: sizeBytes === null ? 0n : BigInt(firmwareBase(sizeBytes)),
    pages: (sizeBytes ?? 0) / PAGE_BYTES,
    what: sizeBytes === null ? 'firmware image, size not known' : IMAGE,
    contents: null,
    digestAfter: pagesDigest,
  };
}

function imageRows(image: Uint8Array, pagesDigest: Uint8Array): LedgerEntry[] {
  const rows: LedgerEntry[] = [];
  const digest = measureImage(image, (gpa, context) => {
    rows.push(ledgerRow({ pageType: PAGE_TYPE.NORMAL, gpa, what: IMAGE }, context));
  });
  if (Buffer.compare(digest, pagesDigest) === 0) return rows;
  throw new HarnessError({
    code: 'DESCRIPTOR_INVALID',
    what: 'the firmware image is not the one that the descriptor was made from: their pages have different digests',
    hint: 'write the descriptor anew from the image with `snp-conform firmware describe`',
  });
}

/**
 * Every measured step of a launch with the digest after it; the last is the launch digest.
 * @param image the firmware image, for one row a page; without it the image is one row
 * @throws HarnessError as `predict`, and DESCRIPTOR_INVALID where image and descriptor are not of one firmware
 */
export function ledger(inputs: LaunchInputs, image?: Uint8Array): LedgerEntry[] {
  const sections = checkInputs(inputs);
  const rows = image === undefined ? [imageRow(inputs.firmware)] : imageRows(image, inputs.firmware.pagesDigest);
  measureLaunch(inputs, sections, (page, context) => {
    rows.push(ledgerRow(page, context));
  });
  return rows;
}
