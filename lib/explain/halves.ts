import { KERNEL_HASHES_TABLE } from '../abi/kernel-hashes.ts';
import { fieldOf, parseLayout, serialiseLayout, sizeOf } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_TYPE } from '../abi/page-info.ts';
import { VMSA } from '../abi/vmsa.ts';
import { HarnessError } from '../errors.ts';
import type { FirmwareDescriptor, KernelHashes } from '../measure/inputs.ts';
import { kernelHashesSection } from '../measure/kernel-hashes.ts';
import { DIGEST_BYTES, LaunchContext } from '../measure/launch-context.ts';
import { measureSections, type SectionRegion } from '../measure/launch-steps.ts';
import { writeSha384 } from '../measure/sha.ts';
import type { VmmProfile } from '../measure/vmm-profiles.ts';
import type { VmsaPages } from '../measure/vmsa.ts';
import { HALF_AT, setHalfGpa } from './chain-walker.ts';
import type { LaunchState, VmsaFields } from './launch-state.ts';
import { layoutRegions } from './layouts.ts';
import type { PageHasher, PagePair } from './page-hasher.ts';
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

/** Where each hash stands in the table of kernel hashes. */
const HASH_AT = {
  kernel: fieldOf(KERNEL_HASHES_TABLE, 'kernel.sha256').at,
  initrd: fieldOf(KERNEL_HASHES_TABLE, 'initrd.sha256').at,
  cmdline: fieldOf(KERNEL_HASHES_TABLE, 'cmdline.sha256').at,
} as const satisfies Record<keyof KernelHashes, number>;
const TABLE_BYTES = sizeOf(KERNEL_HASHES_TABLE);

/** Pages of kernel hashes that are kept: as many as a block has command lines, and more. */
const KEPT_PAGES = 20_000;

/** The first halves of launches: all pages before the first vCPU, those that launches share hashed once. */
export class Trunks {
  readonly #sections = new WeakMap<FirmwareDescriptor, Map<string, Sections | null>>();
  readonly #context = new LaunchContext();
  /** CONTENTS of pages of kernel hashes: orders of sections, firmware and profiles share them. */
  readonly #pages = new Map<string, Uint8Array>();
  /** A page of kernel hashes for each place of the table in it. */
  readonly #templates = new Map<number, Buffer>();

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

  /** Of pages only the three hashes differ: they are written into one that is there, which is a tenth of making it. */
  #page({ kernel, initrd, cmdline }: KernelHashes, tableGpa: number): Uint8Array {
    const at = tableGpa % PAGE_BYTES;
    const page = this.#templates.get(at) ?? Buffer.from(kernelHashesSection(ANY_HASHES, tableGpa, PAGE_BYTES));
    this.#templates.set(at, page);
    page.set(kernel, at + HASH_AT.kernel);
    page.set(initrd, at + HASH_AT.initrd);
    page.set(cmdline, at + HASH_AT.cmdline);
    const key = `${at} ${page.toString('latin1', at, at + TABLE_BYTES)}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    if (this.#pages.size >= KEPT_PAGES) this.#pages.clear();
    const made = Buffer.allocUnsafe(DIGEST_BYTES);
    writeSha384(page, made, 0);
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
  readonly pair: PagePair | null;
}

function pagesOf({ firmware: { resetVector }, svsmEntry, profile, registers }: LaunchState): VmsaPages {
  const { boot, application } = statePages(resetVector, svsmEntry, { vcpuSignature: 0, guestFeatures: 1n, profile });
  if (registers === null) return { boot, application };
  return { boot: withFields(boot, registers.boot), application: withFields(application, registers.application) };
}

/** RDX of every vCPU; null: a signature that is not known. */
export function rdxOf({ profile, signature }: LaunchState): number | null {
  return profile.rdx === 'signature' ? signature : profile.rdx;
}

/** SEV_FEATURES of every vCPU. */
export function featuresOf({ profile, features }: LaunchState): bigint {
  return profile.forcedFeatures ?? features;
}

/** The second halves of launches: CONTENTS of the pages of vCPUs. */
export class Vmsas {
  readonly #made: Templates[] = [];
  readonly #hasher: PageHasher | null;
  #last: Templates | undefined;

  /** @param hasher null: the processor cannot hash two pages at once, and OpenSSL does one after the other */
  constructor(hasher: PageHasher | null) {
    this.#hasher = hasher;
  }

  #templates(state: LaunchState): Templates {
    const fits = ({ profile, registers, resetVector, svsmEntry }: Templates): boolean =>
      profile === state.profile &&
      registers === state.registers &&
      resetVector === state.firmware.resetVector &&
      svsmEntry === state.svsmEntry;
    if (this.#last !== undefined && fits(this.#last)) return this.#last;
    const known = this.#made.find(fits);
    const found = known ?? this.#make(state);
    if (known === undefined) this.#made.push(found);
    this.#last = found;
    return found;
  }

  #make(state: LaunchState): Templates {
    const { firmware, svsmEntry, profile, registers } = state;
    const pages = pagesOf(state);
    const pair = this.#hasher?.pairOf(pages, [AT.rdx, AT.features]) ?? null;
    return { profile, registers, resetVector: firmware.resetVector, svsmEntry, pages, pair };
  }

  /**
   * Writes the second half of a launch as a walk needs it.
   * @param half HALF_BYTES   @returns was it? Not where the profile needs a signature and there is none
   */
  write(state: LaunchState, half: Buffer): boolean {
    const rdx = rdxOf(state);
    if (rdx === null) return false;
    const { pages, pair } = this.#templates(state);
    const [word, features] = [BigInt(rdx), featuresOf(state)];
    setHalfGpa(half, state.vmsaGpa);
    if (this.#hasher !== null && pair !== null) {
      this.#hasher.begin(pair);
      this.#hasher.word(AT.rdx, word);
      this.#hasher.word(AT.features, features);
      this.#hasher.digests(half);
      return true;
    }
    for (const vcpu of ['boot', 'application'] as const) {
      const page = Buffer.from(pages[vcpu].buffer, pages[vcpu].byteOffset, PAGE_BYTES);
      page.writeBigUInt64LE(word, AT.rdx);
      page.writeBigUInt64LE(features, AT.features);
      writeSha384(page, half, HALF_AT[vcpu]);
    }
    half.subarray(HALF_AT.boot, HALF_AT.application + DIGEST_BYTES).swap64();
    return true;
  }
}
