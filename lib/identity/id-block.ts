import { ID_BLOCK, ID_BLOCK_VERSION, type IdBlock } from '../abi/id-block.ts';
import { parseLayout, serialiseLayout } from '../abi/layout.ts';

/** What a guest owner puts into an ID block. */
export interface IdBlockContents {
  /** 48 bytes. */
  launchDigest: Uint8Array;
  /** The 64-bit POLICY, every bit as SNP_LAUNCH_START gets it. */
  policy: bigint;
  /** 16 bytes, zero where not given. */
  familyId?: Uint8Array;
  /** 16 bytes, zero where not given. */
  imageId?: Uint8Array;
  /** 32 bits, 0 where not given. */
  guestSvn?: number;
  /** 32 bits, 1 where not given; published firmware does not look at it. */
  version?: number;
}

/**
 * Makes the ID block of a launch.
 * @returns 96 bytes   @throws HarnessError LAYOUT_VALUE when a value does not fit its field
 * Source: AMD 56860, ID block
 */
export function buildIdBlock(contents: IdBlockContents): Uint8Array {
  return serialiseLayout(ID_BLOCK, { ...contents, version: contents.version ?? ID_BLOCK_VERSION }, 'ID block');
}

/** Reads an ID block, whatever its version says. @param bytes exactly 96   @throws HarnessError LAYOUT_LENGTH */
export function parseIdBlock(bytes: Uint8Array): IdBlock {
  return parseLayout(ID_BLOCK, bytes, 'ID block');
}
