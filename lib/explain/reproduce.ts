import { parseLayout, serialiseLayout } from '../abi/layout.ts';
import { PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { LaunchContext } from '../measure/launch-context.ts';
import { hashVmsas, measureSections } from '../measure/launch-steps.ts';
import { svsmVmsa } from '../measure/svsm.ts';
import { type VcpuState, type VmsaPages, vmsaPages } from '../measure/vmsa.ts';
import type { LaunchState, VmsaFields } from './launch-state.ts';
import { layoutRegions } from './layouts.ts';

function vmsaPage(page: Uint8Array, fields: VmsaFields | undefined): Uint8Array {
  return fields === undefined ? page : serialiseLayout(VMSA, { ...parseLayout(VMSA, page, 'VMSA'), ...fields }, 'VMSA');
}

/** The pages of vCPUs of a guest that starts in its firmware, or under an SVSM, where all start alike: 4096 bytes each. */
export function statePages(resetVector: number, svsmEntry: number | null, vcpu: VcpuState): VmsaPages {
  if (svsmEntry === null) return vmsaPages(resetVector, vcpu);
  const boot = svsmVmsa(svsmEntry, vcpu);
  return { boot, application: Uint8Array.from(boot) };
}

/**
 * The launch digest of a state, measured from its beginning with nothing shared and nothing kept: what the search found
 * must hold here too before it is named.
 * @returns 48 bytes   @throws HarnessError OVMF_NO_HASHES_TABLE, VCPU_TYPE_UNKNOWN
 */
export function digestOfState(state: LaunchState): Uint8Array {
  const { firmware, layout, profile, hashesMeasured, kernelHash, initrdHash, cmdlineHash, registers } = state;
  const hashes = hashesMeasured ? { kernel: kernelHash, initrd: initrdHash, cmdline: cmdlineHash } : null;
  const context = new LaunchContext(firmware.pagesDigest);
  measureSections(context, layoutRegions(layout, firmware, hashes, profile));
  if (state.vcpus === 0) return context.digest;
  const vcpu = { vcpuSignature: state.signature, guestFeatures: state.features, profile };
  const pages = statePages(firmware.resetVector, state.svsmEntry, vcpu);
  const { boot, application } = hashVmsas({
    boot: vmsaPage(pages.boot, registers?.boot),
    application: vmsaPage(pages.application, registers?.application),
  });
  for (let index = 0; index < state.vcpus; index += 1) {
    context.page(PAGE_TYPE.VMSA, state.vmsaGpa, index === 0 ? boot : application);
  }
  return context.digest;
}
