import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { sizeOf } from '../abi/layout.ts';
import { SETUP_HEADER, SETUP_HEADER_AT } from '../abi/linux-boot.ts';
import { HarnessError } from '../errors.ts';
import { fileTrouble, hashInputFile, readFileStart } from '../evidence/input-file.ts';
import { headerVariants } from '../explain/kernel-header.ts';
import type { FileAtHand, FirmwareAtHand, KnownLaunch, NamedFile } from '../explain/launch-state.ts';
import type { LaunchInputs } from '../measure/inputs.ts';
import { describeSvsm } from '../measure/svsm.ts';
import type { ParsedLaunch } from '../qemu/parsed-launch.ts';
import { gatherFiles, withoutVariables } from './files-at-hand.ts';
import { launchInputs } from './launch-source.ts';
import { givenSignature, snpInputs, svsmInputs } from './predict-inputs.ts';
import type { PredictOptions } from './predict-options.ts';

/** A kernel larger than this is not tried with other setup headers: each costs a hash of all of it. */
const PATCHED_BYTES_MAX = 64 * 1024 ** 2;

/** The files that a launch names, as this machine can read them. */
interface LaunchFiles {
  firmware: string | null;
  kernel: string | null;
  initrd: string | null;
}

/** A launch that a digest is to be explained of. */
export interface ReadLaunch {
  known: KnownLaunch;
  image: Uint8Array | undefined;
  /** What could not be looked at, in words. */
  notes: string[];
}

/** Reads a file when it is first asked for. @throws HarnessError FILE_UNREADABLE */
function readLate(path: string): () => Uint8Array {
  let bytes: Uint8Array | undefined;
  return () => {
    try {
      bytes ??= readFileSync(path);
      return bytes;
    } catch (cause) {
      const what = `cannot read the kernel: ${fileTrouble(cause)}`;
      throw new HarnessError({ code: 'FILE_UNREADABLE', what, where: path, cause });
    }
  };
}

/**
 * The kernel with other setup headers. They differ at their beginning, so each is a hash of all of it, of 5 to 50 ms: made
 * once, when a search gets there.
 */
async function patchedKernels(path: string, initrdBytes: number | null): Promise<FileAtHand[]> {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isFile() !== true || there.size > PATCHED_BYTES_MAX) return [];
  const start = await readFileStart({ path, what: 'kernel', maxBytes: SETUP_HEADER_AT + sizeOf(SETUP_HEADER) }).catch(
    (error: unknown) => {
      if (error instanceof HarnessError) return new Uint8Array(0);
      throw error;
    },
  );
  const image = readLate(path);
  return headerVariants(start, initrdBytes).map(({ origin, what, header }) => {
    let hash: Uint8Array | undefined;
    return {
      name: `${path} (${what})`,
      origin,
      get sha256() {
        hash ??= createHash('sha256')
          .update(image().subarray(0, SETUP_HEADER_AT))
          .update(header)
          .update(image().subarray(SETUP_HEADER_AT + header.length))
          .digest();
        return hash;
      },
    };
  });
}

async function sizeOfFile(path: string | null): Promise<number | null> {
  if (path === null) return null;
  const { size } = await stat(path);
  return size;
}

/** What all ways of giving a launch have in common, once its inputs are read. */
async function withFiles(
  known: Omit<KnownLaunch, 'firmwaresAtHand' | 'kernelsAtHand' | 'initrdsAtHand'>,
  files: LaunchFiles,
  image: Uint8Array | undefined,
  folders: readonly string[],
): Promise<ReadLaunch> {
  const paths = Object.values(files).filter((path) => path !== null);
  const { firmwares, others, notes } = await gatherFiles(paths, folders);
  const patched = files.kernel === null ? [] : await patchedKernels(files.kernel, await sizeOfFile(files.initrd));
  const cut = image === undefined ? [] : withoutVariables(known.firmwareName, image);
  // Kernel and initrd may have been given each for the other.
  const given = (file: NamedFile | null): FileAtHand[] => (file === null ? [] : [{ ...file, origin: 'at-hand' }]);
  return {
    known: {
      ...known,
      firmwaresAtHand: [...firmwares, ...cut],
      kernelsAtHand: [...others, ...given(known.initrd), ...patched],
      initrdsAtHand: [...others, ...given(known.kernel)],
    },
    image,
    notes,
  };
}

const named = (name: string | undefined, sha256: Uint8Array | undefined): NamedFile | null =>
  sha256 === undefined ? null : { name: name ?? Buffer.from(sha256).toString('hex'), sha256 };

/** A launch given by single options. @throws HarnessError as `snpInputs` */
export async function knownFromOptions(options: PredictOptions, folders: readonly string[]): Promise<ReadLaunch> {
  const { inputs, image } = await snpInputs(options);
  const { kernelHashes } = inputs;
  // A VMM that measures the same of every CPU needs no type; where one is given, it is that of the launch under another VMM.
  const vcpuSignature = inputs.vcpuSignature ?? givenSignature(options);
  const { ovmf, firmwareDescriptor, kernel, initrd, append, cmdlineSha256, initrdSha256 } = options;
  const hasInitrd = (initrd ?? initrdSha256) !== undefined;
  return withFiles(
    {
      launch: { ...inputs, vcpuSignature },
      firmwareName: ovmf ?? firmwareDescriptor ?? 'firmware',
      vcpuType: options.vcpuSig === undefined ? (options.vcpuType ?? null) : null,
      kernel: named(kernel, kernelHashes?.kernel),
      initrd: hasInitrd ? named(initrd, kernelHashes?.initrd) : null,
      append: cmdlineSha256 === undefined ? (append ?? null) : undefined,
      maxVcpus: null,
      pagesDigestGiven: options.ovmfHash !== undefined,
    },
    { firmware: ovmf ?? null, kernel: kernel ?? null, initrd: initrd ?? null },
    image,
    folders,
  );
}

/** Sizes of UEFI variables that an SVSM may lie below. Source: coconut-svsm/svsm, INSTALL.md; edk2, OvmfPkgDefines.fdf.inc. */
const VARS_BYTES = [0, 0x10000, 0x20000, 0x40000, 0x84000] as const;

/** A launch under an SVSM given by single options. @throws HarnessError as `svsmInputs` */
export async function knownFromSvsmOptions(options: PredictOptions): Promise<ReadLaunch> {
  const inputs = await svsmInputs(options);
  const { descriptor, entry } = describeSvsm(inputs);
  const name = (varsBytes: number): string => `${options.svsm} below 0x${varsBytes.toString(16)} bytes of variables`;
  const others = VARS_BYTES.filter((bytes) => bytes !== inputs.varsBytes).map((varsBytes): FirmwareAtHand => {
    const other = describeSvsm({ ...inputs, varsBytes });
    return { name: name(varsBytes), descriptor: other.descriptor, svsmEntry: other.entry, origin: 'other-variables' };
  });
  const { vcpus, vcpuSignature, guestFeatures, profile } = inputs;
  return {
    known: {
      launch: { firmware: descriptor, kernelHashes: null, vcpus, vcpuSignature, guestFeatures, profile },
      firmwareName: name(inputs.varsBytes),
      svsmEntry: entry,
      vcpuType: options.vcpuSig === undefined ? (options.vcpuType ?? null) : null,
      kernel: null,
      initrd: null,
      append: null,
      maxVcpus: null,
      pagesDigestGiven: false,
      firmwaresAtHand: others,
      kernelsAtHand: [],
      initrdsAtHand: [],
    },
    image: undefined,
    notes: [],
  };
}

/** The path of a file of a launch on this machine: what was given in its place, else as the launch names it. */
function localPath(
  given: { value: string } | null,
  replacement: string | undefined,
  root: string | undefined,
): string | null {
  if (replacement !== undefined) return replacement;
  if (given === null || given.value === '') return null;
  return root === undefined ? given.value : `${root.replace(/\/$/, '')}/${given.value.replace(/^\//, '')}`;
}

async function hashedWhereReadable(path: string | null, what: string): Promise<NamedFile | null> {
  if (path === null) return null;
  try {
    return { name: path, sha256: await hashInputFile({ path, what, maxBytes: 2 * 1024 ** 3 }) };
  } catch (error) {
    if (error instanceof HarnessError) return null;
    throw error;
  }
}

/** A launch given as a whole. @throws HarnessError as `launchInputs` */
export async function knownFromLaunch(
  launch: ParsedLaunch,
  options: PredictOptions,
  folders: readonly string[],
): Promise<ReadLaunch> {
  const { inputs, image } = await launchInputs(launch, options);
  const { root } = options;
  const files: LaunchFiles = {
    firmware: localPath(launch.firmware ?? launch.pflash[0] ?? null, options.ovmf, root),
    kernel: localPath(launch.kernel, options.kernel, root),
    initrd: localPath(launch.initrd, options.initrd, root),
  };
  const { kernelHashes }: LaunchInputs = inputs;
  const kernel =
    kernelHashes === null
      ? await hashedWhereReadable(files.kernel, 'kernel')
      : named(files.kernel ?? undefined, kernelHashes.kernel);
  const initrd =
    kernelHashes === null
      ? await hashedWhereReadable(files.initrd, 'initrd')
      : files.initrd === null
        ? null
        : named(files.initrd, kernelHashes.initrd);
  return withFiles(
    {
      launch: inputs,
      firmwareName: files.firmware ?? options.firmwareDescriptor ?? 'firmware',
      vcpuType: options.vcpuSig === undefined ? (launch.cpu?.value ?? null) : null,
      kernel,
      initrd,
      append: launch.append?.value ?? null,
      maxVcpus: launch.maxVcpus,
      pagesDigestGiven: false,
    },
    files,
    image,
    folders,
  );
}
