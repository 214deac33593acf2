import { overlayLayout, serialiseLayout } from '../abi/layout.ts';
import { OVMF_GUIDS, SEV_METADATA_OFFSET, SVSM_INFO } from '../abi/ovmf.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import { firmwareBase } from './firmware.ts';
import { checkImageSize, FIRMWARE_BYTES_MAX, payloadOf } from './firmware-table.ts';
import { hex } from './firmware-text.ts';
import { checkGuestFeatures } from './guest-features.ts';
import type { FirmwareDescriptor, FirmwareSection, LedgerEntry } from './inputs.ts';
import { LaunchContext } from './launch-context.ts';
import { type MeasuredPage, measureSections, measureVmsas, plainRegion } from './launch-steps.ts';
import { readSevMetadata } from './ovmf-metadata.ts';
import { readFooterTable } from './ovmf-table.ts';
import { checkProfile, checkSignature, checkVcpuCount, ledgerRow } from './predict.ts';
import { profileFields, type VcpuState, type VmsaPages } from './vmsa.ts';

const SVSM_HINT = 'use the flat image of a COCONUT-SVSM build (svsm.bin), not an IGVM file';

/** All that the launch digest of a guest under a COCONUT SVSM depends on. */
export interface SvsmInputs extends VcpuState {
  /** The firmware image, which ends at 4 GiB. */
  firmware: Uint8Array;
  /** The flat image of the SVSM, which ends where the UEFI variables below the firmware begin. */
  svsm: Uint8Array;
  /** Bytes of the UEFI variables, which are not measured; 0 where firmware and variables are one image. */
  varsBytes: number;
  vcpus: number;
}

/** An SVSM where it is loaded. */
interface LoadedSvsm {
  gpa: number;
  /** Guest-physical address at which every vCPU starts. */
  entry: number;
  sections: FirmwareSection[];
}

/**
 * The state of every vCPU: 32-bit protected mode with flat segments.
 * Source: coconut-svsm/qemu, target/i386/sev.c; virtee/sev-snp-measure, sevsnpmeasure/vmsa.py.
 */
const FLAT_STATE = serialiseLayout(
  VMSA,
  {
    'es.selector': 0x10,
    'es.attrib': 0xc93,
    'es.limit': 0xffff_ffff,
    'cs.selector': 0x8,
    'cs.limit': 0xffff_ffff,
    'ss.selector': 0x10,
    'ss.limit': 0xffff_ffff,
    'ds.selector': 0x10,
    'ds.attrib': 0xc93,
    'ds.limit': 0xffff_ffff,
    'fs.selector': 0x10,
    'fs.attrib': 0xc93,
    'fs.limit': 0xffff_ffff,
    'gs.attrib': 0x93,
    'gs.limit': 0xffff,
    'gdtr.limit': 0xffff,
    'ldtr.attrib': 0x82,
    'ldtr.limit': 0xffff,
    'idtr.limit': 0xffff,
    'tr.limit': 0xffff,
    efer: 0x1000n,
    cr4: 0x40n,
    cr0: 0x11n,
    dr7: 0x400n,
    dr6: 0xffff_0ff0n,
    rflags: 0x2n,
    xcr0: 0x1n,
  },
  'VMSA of an SVSM',
);

/** The VMSA page of every vCPU. @param entry 32 bits   @returns 4096 bytes   @throws HarnessError VCPU_TYPE_UNKNOWN */
export function svsmVmsa(entry: number, state: VcpuState): Uint8Array {
  const fields = { ...profileFields(state), 'cs.attrib': state.profile.segments.csBoot, rip: BigInt(entry) };
  return overlayLayout(VMSA, FLAT_STATE, fields, 'VMSA');
}

function invalid(what: string): HarnessError {
  return new HarnessError({ code: 'SVSM_INVALID', what, hint: SVSM_HINT });
}

function invalidVariables(varsBytes: number, expected: string): HarnessError {
  return new HarnessError({
    code: 'SVSM_INVALID',
    what: `the UEFI variables have ${varsBytes} bytes, expected ${expected}`,
    where: 'size of the variables',
    hint: 'give the size of the OVMF_VARS file, for example 540672',
  });
}

/** Does a step of reading the SVSM; what it finds wrong in an image is wrong with the SVSM, not with the firmware. */
function ofSvsm<T>(step: () => T): T {
  try {
    return step();
  } catch (thrown) {
    if (!(thrown instanceof HarnessError)) throw thrown;
    throw new HarnessError({
      code: 'SVSM_INVALID',
      what: `SVSM image: ${thrown.what.replaceAll('the firmware image', 'the image')}`,
      where: thrown.where,
      hint: SVSM_HINT,
      cause: thrown,
    });
  }
}

function entryOf(image: Uint8Array): { table: ReturnType<typeof readFooterTable>; entry: number } {
  const table = readFooterTable(image);
  const info = table.get(OVMF_GUIDS.svsmInfo);
  if (info === undefined) throw invalid(`its footer table has no SVSM info (${OVMF_GUIDS.svsmInfo})`);
  const { entry } = payloadOf(SVSM_INFO, info, 'SVSM info');
  if (entry < image.length) return { table, entry };
  throw invalid(`it begins to run at offset ${hex(entry)} of ${image.length} bytes`);
}

/** Finds where the SVSM is loaded and what it says of itself. @throws HarnessError SVSM_INVALID */
function loadSvsm({ firmware, svsm, varsBytes }: SvsmInputs): LoadedSvsm {
  if (!(Number.isInteger(varsBytes) && varsBytes >= 0 && varsBytes % PAGE_BYTES === 0)) {
    throw invalidVariables(varsBytes, `a multiple of ${PAGE_BYTES}`);
  }
  if (varsBytes > FIRMWARE_BYTES_MAX) {
    throw invalidVariables(varsBytes, `at most ${FIRMWARE_BYTES_MAX}`);
  }
  return ofSvsm(() => {
    checkImageSize(svsm);
    const gpa = firmwareBase(firmware.length) - varsBytes - svsm.length;
    const { table, entry } = entryOf(svsm);
    const metadata = table.get(OVMF_GUIDS.sevMetadataOffset);
    if (metadata === undefined) throw invalid(`no SEV metadata (${OVMF_GUIDS.sevMetadataOffset}) in its footer table`);
    const fromEnd = payloadOf(SEV_METADATA_OFFSET, metadata, 'SEV metadata offset').offset;
    return { gpa, entry: gpa + entry, sections: readSevMetadata(svsm, svsm.length - fromEnd, metadata.at, gpa) };
  });
}

/** An SVSM and the firmware below it, as the sections after them see both: what is hashed before, and where vCPUs start. */
export interface DescribedSvsm {
  /** The digest after both images, and the sections of the SVSM; there is no reset vector and no table of kernel hashes. */
  descriptor: FirmwareDescriptor;
  /** Guest-physical address at which every vCPU starts. */
  entry: number;
}

/** Measures both images of a launch under an SVSM. @throws HarnessError SVSM_INVALID, OVMF_SIZE */
export function describeSvsm(inputs: SvsmInputs): DescribedSvsm {
  checkImageSize(inputs.firmware);
  const { gpa, entry, sections } = loadSvsm(inputs);
  const context = new LaunchContext();
  context.region(PAGE_TYPE.NORMAL, BigInt(firmwareBase(inputs.firmware.length)), inputs.firmware);
  context.region(PAGE_TYPE.NORMAL, BigInt(gpa), inputs.svsm);
  const pagesDigest = context.digest;
  return {
    descriptor: { sizeBytes: null, sha256: null, pagesDigest, resetVector: 0, hashesTable: null, sections },
    entry,
  };
}

/** The VMSA pages of such a launch, which are the same for every vCPU. @throws HarnessError as `predictSvsm` */
export function svsmVmsas(inputs: SvsmInputs): VmsaPages {
  checkImageSize(inputs.firmware);
  const vmsa = svsmVmsa(loadSvsm(inputs).entry, inputs);
  return { boot: vmsa, application: vmsa };
}

/** Walks a launch. @returns 48 bytes */
function measure(inputs: SvsmInputs, afterPage?: (page: MeasuredPage, context: LaunchContext) => void): Uint8Array {
  checkVcpuCount(inputs.vcpus);
  checkSignature(inputs.vcpuSignature);
  checkGuestFeatures(inputs.guestFeatures);
  checkProfile(inputs.profile, 'svsm');
  checkImageSize(inputs.firmware);
  const { gpa, entry, sections } = loadSvsm(inputs);
  const vmsa = svsmVmsa(entry, inputs);
  const context = new LaunchContext();
  const visit = (page: MeasuredPage): void => afterPage?.(page, context);
  const image = (base: number, bytes: Uint8Array, what: string): void =>
    context.region(PAGE_TYPE.NORMAL, BigInt(base), bytes, (at) => visit({ pageType: PAGE_TYPE.NORMAL, gpa: at, what }));
  image(firmwareBase(inputs.firmware.length), inputs.firmware, 'firmware image');
  image(gpa, inputs.svsm, 'SVSM image');
  const regions = sections.map((section) => plainRegion(section, inputs.profile));
  measureSections(context, regions, visit);
  measureVmsas(context, { boot: vmsa, application: vmsa }, inputs.profile, inputs.vcpus, visit);
  return context.digest;
}

/**
 * The launch digest of a guest that starts in a flat COCONUT SVSM: firmware, SVSM, the SVSM's sections, one VMSA a vCPU.
 * @returns 48 bytes
 * @throws HarnessError SVSM_INVALID, OVMF_SIZE, VCPU_COUNT, NUMBER_INVALID, GUEST_FEATURES_INVALID, VCPU_TYPE_UNKNOWN,
 * VMM_PROFILE_UNKNOWN   Source: coconut-svsm/qemu, target/i386/sev.c; virtee/sev-snp-measure, sevsnpmeasure/guest.py.
 */
export function predictSvsm(inputs: SvsmInputs): Uint8Array {
  return measure(inputs);
}

/** Every measured page of such a launch with the digest after it. @throws HarnessError as `predictSvsm` */
export function svsmLedger(inputs: SvsmInputs): LedgerEntry[] {
  const rows: LedgerEntry[] = [];
  measure(inputs, (page, context) => rows.push(ledgerRow(page, context)));
  return rows;
}
