import { fieldOf, parseLayout, serialiseLayout } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import type { FirmwareDescriptor, KernelHashes } from '../measure/inputs.ts';
import { kernelHashesSection } from '../measure/kernel-hashes.ts';
import { LaunchContext } from '../measure/launch-context.ts';
import { measureSections, type SectionRegion } from '../measure/launch-steps.ts';
import { sha384 } from '../measure/sha.ts';
import type { VmmProfile } from '../measure/vmm-profiles.ts';
import type { VmsaPages } from '../measure/vmsa.ts';
import type { LaunchState, VmsaFields } from './launch-state.ts';
import { layoutRegions } from './layouts.ts';
import { statePages } from './reproduce.ts';

/** What stands in the page of kernel hashes until the true ones are known. */
const ANY_HASHES: KernelHashes = {
  kernel: new Uint8Array(32),
  initrd: new Uint8Array(32),
  cmdline: new Uint8Array(32),
};

/** The sections of a firmware cut in two at the page of kernel hashes. */
interface Sections {
  /** 48 bytes: the digest before that page; where there is none, after all sections. */
  before: Uint8Array;
  /** Address and size of the region of kernel hashes; null: none is measured. */
  hashes: SectionRegion | null;
  after: readonly SectionRegion[];
}

/** Pages of kernel hashes that are kept: as many as a block has command lines, and more. */
const KEPT_PAGES = 20_000;

/** The first halves of launches: all pages before the first vCPU, those that launches share hashed once. */
export class Trunks {
  readonly #sections = new WeakMap<FirmwareDescriptor, Map<string, Sections | null>>();
  readonly #context = new LaunchContext();
  /** CONTENTS of pages of kernel hashes: orders of sections, firmware and profiles share them. */
  #pages = new Map<string, Uint8Array>();

  #cut(state: LaunchState): Sections | null {
    const { firmware, layout, profile, hashesMeasured } = state;
    try {
      const regions = layoutRegions(layout, firmware, hashesMeasured ? ANY_HASHES : null, profile);
      const at = hashesMeasured
        ? regions.findIndex(({ what, contents }) => what === 'KERNEL_HASHES' && contents !== null)
        : -1;
      const context = new LaunchContext(firmware.pagesDigest);
      measureSections(context, at < 0 ? regions : regions.slice(0, at));
      const before = context.digest;
      return at < 0
        ? { before, hashes: null, after: [] }
        : { before, hashes: regions[at] ?? null, after: regions.slice(at + 1) };
    } catch (error) {
      if (error instanceof HarnessError && error.code === 'OVMF_NO_HASHES_TABLE') return null;
      throw error;
    }
  }

  #sectionsOf(state: LaunchState): Sections | null {
    const { firmware, layout, profile, hashesMeasured } = state;
    const known = this.#sections.get(firmware) ?? new Map<string, Sections | null>();
    this.#sections.set(firmware, known);
    const key = `${layout} ${profile.name} ${hashesMeasured}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = this.#cut(state);
    known.set(key, made);
    return made;
  }

  /** @returns 48 bytes; null where the firmware cannot be launched so: it has no place for kernel hashes */
  digest(state: LaunchState): Uint8Array | null {
    const sections = this.#sectionsOf(state);
    if (sections === null) return null;
    const { before, hashes, after } = sections;
    if (hashes === null) return before;
    const { kernelHash, initrdHash, cmdlineHash, firmware } = state;
    const table = { kernel: kernelHash, initrd: initrdHash, cmdline: cmdlineHash };
    const tableGpa = firmware.hashesTable?.gpa ?? 0;
    this.#context.restart(before);
    if (hashes.bytes === PAGE_BYTES) this.#context.page(PAGE_TYPE.NORMAL, hashes.gpa, this.#page(table, tableGpa));
    else this.#context.region(PAGE_TYPE.NORMAL, hashes.gpa, kernelHashesSection(table, tableGpa, hashes.bytes));
    measureSections(this.#context, after);
    return this.#context.digest;
  }

  #page(table: KernelHashes, tableGpa: number): Uint8Array {
    const { kernel, initrd, cmdline } = table;
    const key = `${tableGpa % PAGE_BYTES} ${Buffer.concat([kernel, initrd, cmdline]).toString('latin1')}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    if (this.#pages.size >= KEPT_PAGES) this.#pages.clear();
    const made = sha384(kernelHashesSection(table, tableGpa, PAGE_BYTES));
    this.#pages.set(key, made);
    return made;
  }
}

const AT = { rdx: fieldOf(VMSA, 'rdx').at, features: fieldOf(VMSA, 'sevFeatures').at };

function withFields(page: Uint8Array, fields: VmsaFields): Uint8Array {
  return serialiseLayout(VMSA, { ...parseLayout(VMSA, page, 'VMSA'), ...fields }, 'VMSA');
}

/** Pages of one profile, as they are patched for each signature and features. */
interface Templates {
  readonly profile: VmmProfile;
  readonly registers: LaunchState['registers'];
  readonly resetVector: number;
  readonly svsmEntry: number | null;
  readonly pages: VmsaPages;
}

function templatesOf({ firmware: { resetVector }, svsmEntry, profile, registers }: LaunchState): Templates {
  const { boot, application } = statePages(resetVector, svsmEntry, { vcpuSignature: 0, guestFeatures: 1n, profile });
  const pages =
    registers === null
      ? { boot, application }
      : { boot: withFields(boot, registers.boot), application: withFields(application, registers.application) };
  return { profile, registers, resetVector, svsmEntry, pages };
}

/** The second halves of launches: CONTENTS of the pages of vCPUs. */
export class Vmsas {
  readonly #made: Templates[] = [];
  #last: Templates | undefined;

  #templates(state: LaunchState): Templates {
    const fits = ({ profile, registers, resetVector, svsmEntry }: Templates): boolean =>
      profile === state.profile &&
      registers === state.registers &&
      resetVector === state.firmware.resetVector &&
      svsmEntry === state.svsmEntry;
    if (this.#last !== undefined && fits(this.#last)) return this.#last;
    const known = this.#made.find(fits);
    const found = known ?? templatesOf(state);
    if (known === undefined) this.#made.push(found);
    this.#last = found;
    return found;
  }

  /** CONTENTS of the page of one vCPU. @returns 48 bytes; null where the profile needs a signature and there is none */
  hash(state: LaunchState, vcpu: keyof VmsaPages): Uint8Array | null {
    const { profile, signature, features } = state;
    const rdx = profile.rdx === 'signature' ? signature : profile.rdx;
    if (rdx === null) return null;
    const page = this.#templates(state).pages[vcpu];
    const view = new DataView(page.buffer, page.byteOffset);
    view.setBigUint64(AT.rdx, BigInt(rdx), true);
    view.setBigUint64(AT.features, profile.forcedFeatures ?? features, true);
    return sha384(page);
  }
}
