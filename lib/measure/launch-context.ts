import { fieldOf, sizeOf } from '../abi/layout.ts';
import { PAGE_BYTES, PAGE_INFO } from '../abi/page-info.ts';
import { HarnessError } from '../errors.ts';
import { writeSha384 } from './sha.ts';

/** Bytes of a launch digest. */
export const DIGEST_BYTES = 48;

/** CONTENTS of a page whose contents the firmware does not hash. */
const NO_CONTENTS = new Uint8Array(DIGEST_BYTES);

const PAGE_INFO_BYTES = sizeOf(PAGE_INFO);

const AT = {
  digestCur: fieldOf(PAGE_INFO, 'digestCur').at,
  contents: fieldOf(PAGE_INFO, 'contents').at,
  length: fieldOf(PAGE_INFO, 'length').at,
  pageType: fieldOf(PAGE_INFO, 'pageType').at,
  gpa: fieldOf(PAGE_INFO, 'gpa').at,
};

/**
 * The launch digest of one guest while it is launched, as the firmware keeps it. One PAGE_INFO is reused for all pages:
 * a firmware image has a thousand of them.
 */
export class LaunchContext {
  readonly #pageInfo = Buffer.alloc(PAGE_INFO_BYTES);
  readonly #digest = this.#pageInfo.subarray(AT.digestCur, AT.digestCur + DIGEST_BYTES);
  readonly #view = new DataView(this.#pageInfo.buffer, this.#pageInfo.byteOffset, this.#pageInfo.byteLength);

  /** @param from 48 bytes to go on from   @throws HarnessError LAYOUT_LENGTH */
  constructor(from: Uint8Array = NO_CONTENTS) {
    if (from.length !== DIGEST_BYTES) {
      throw new HarnessError({
        code: 'LAYOUT_LENGTH',
        what: `launch digest: expected ${DIGEST_BYTES} bytes, got ${from.length}`,
      });
    }
    this.#pageInfo.set(from, AT.digestCur);
    this.#view.setUint16(AT.length, PAGE_INFO_BYTES, true);
  }

  /** Goes on from another digest, so that one context serves many launches. @param from 48 bytes */
  restart(from: Uint8Array): void {
    this.#pageInfo.set(from, AT.digestCur);
  }

  /** The launch digest so far, 48 bytes. */
  get digest(): Uint8Array {
    return new Uint8Array(this.#digest);
  }

  /** Writes the launch digest so far into a buffer that holds many. */
  writeDigest(target: Uint8Array, at: number): void {
    target.set(this.#digest, at);
  }

  /** CONTENTS of the last page, 48 bytes; zeros where that was not measured. */
  get contents(): Uint8Array {
    return new Uint8Array(this.#pageInfo.subarray(AT.contents, AT.contents + DIGEST_BYTES));
  }

  /**
   * Extends the launch digest by one page.
   * @param gpa guest-physical address, 4 KiB aligned   @param contents SHA-384 of the page; absent: not measured
   * Source: AMD 56860, PAGE_INFO structure.
   */
  page(pageType: number, gpa: bigint, contents: Uint8Array = NO_CONTENTS): void {
    this.#pageInfo.set(contents, AT.contents);
    this.#extend(pageType, gpa);
  }

  #extend(pageType: number, gpa: bigint): void {
    this.#view.setUint8(AT.pageType, pageType);
    this.#view.setBigUint64(AT.gpa, gpa, true);
    this.pageAgain();
  }

  /** Extends the launch digest by the same page as before, at the same address: application processors have one VMSA. */
  pageAgain(): void {
    writeSha384(this.#pageInfo, this.#pageInfo, AT.digestCur);
  }

  /**
   * Extends the launch digest by a region, page by page, ascending.
   * @param contents a multiple of 4096 bytes   @param afterPage called after each page with its address
   */
  region(pageType: number, gpa: bigint, contents: Uint8Array, afterPage?: (gpa: bigint) => void): void {
    let hashed: Uint8Array | null = null;
    for (let at = 0; at < contents.length; at += PAGE_BYTES) {
      const pageGpa = gpa + BigInt(at);
      const page = contents.subarray(at, at + PAGE_BYTES);
      // Four pages of five of a firmware image are padding, like the page before: comparing takes a thirtieth of hashing.
      if (hashed === null || Buffer.compare(page, hashed) !== 0) {
        writeSha384(page, this.#pageInfo, AT.contents);
        hashed = page;
      }
      this.#extend(pageType, pageGpa);
      afterPage?.(pageGpa);
    }
  }
}
