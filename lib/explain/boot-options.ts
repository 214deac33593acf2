import { cmdlineHashOf, NO_INITRD } from '../measure/kernel-hashes.ts';
import { sha256 } from '../measure/sha.ts';
import type { CauseId } from './causes.ts';
import { cmdlineVariants } from './cmdline.ts';
import type { FileAtHand, FileOrigin, KnownLaunch, LaunchState } from './launch-state.ts';
import type { Likelihood, Option } from './option.ts';

const KERNEL_CAUSES: Readonly<Record<FileOrigin, CauseId>> = {
  'at-hand': 'other-kernel',
  'other-variables': 'other-kernel',
  'variables-cut-off': 'other-kernel',
  'variables-joined': 'other-kernel',
  'header-patched': 'kernel-header-patched',
  'header-cleared': 'kernel-header-cleared',
};

/** The state in which kernel hashes are measured at all: with a kernel that was not predicted with, nothing else is. */
function measuredWith(known: KnownLaunch, { sha256: kernelHash }: FileAtHand): Partial<LaunchState> {
  return known.launch.kernelHashes === null ? { hashesMeasured: true, kernelHash } : { kernelHash };
}

/** What stands in for a kernel where only the digest of something is wanted: calculators' own tests measure /dev/null. */
const EMPTY_KERNEL: FileAtHand = { name: 'an empty file', sha256: sha256(new Uint8Array(0)), origin: 'at-hand' };

/** The kernels that may have been measured in place of that of the prediction. */
export function kernelOptions(known: KnownLaunch): Option[] {
  const from = known.launch.kernelHashes === null ? null : (known.kernel?.name ?? null);
  const named = (likelihood: Likelihood, { name, origin }: FileAtHand) => ({
    change: { input: 'kernel', from, to: name } as const,
    cause: from === null ? 'kernel-not-predicted' : KERNEL_CAUSES[origin],
    likelihood,
  });
  const at = (likelihood: Likelihood, file: FileAtHand): Option => ({
    ...named(likelihood, file),
    set: measuredWith(known, file),
  });
  // A file under another setup header is a kernel of other VMMs: rare, and there are a dozen of each, with a hash of all of it.
  const patched = (file: FileAtHand): Option => ({
    ...named('usual', file),
    key: file.name,
    get set() {
      return measuredWith(known, file);
    },
  });
  const files = known.kernelsAtHand.map((file) => (file.origin === 'at-hand' ? at('core', file) : patched(file)));
  return [...files, at('usual', EMPTY_KERNEL)];
}

/** Kernel hashes measured where they were not predicted, or the other way round. */
export function kernelHashesOptions({ launch, kernel }: KnownLaunch): Option[] {
  if (launch.kernelHashes !== null) {
    return [
      {
        change: { input: 'kernelHashes', from: 'on', to: 'off' },
        cause: 'kernel-hashes-off',
        likelihood: 'top',
        set: { hashesMeasured: false },
      },
    ];
  }
  if (kernel === null) return [];
  return [
    {
      change: { input: 'kernelHashes', from: 'off', to: 'on' },
      cause: 'kernel-hashes-on',
      likelihood: 'top',
      set: { hashesMeasured: true },
    },
  ];
}

/** The initrds that may have been measured: none, or another that is at hand. */
export function initrdOptions(known: KnownLaunch): Option[] {
  const from = known.initrd?.name ?? null;
  const at = ({ name, sha256: initrdHash }: FileAtHand): Option => ({
    change: { input: 'initrd', from, to: name },
    cause: from === null ? 'initrd-not-predicted' : 'other-initrd',
    likelihood: 'core',
    set: { initrdHash },
  });
  const none: Option = {
    change: { input: 'initrd', from, to: null },
    cause: 'initrd-absent',
    likelihood: 'top',
    set: { initrdHash: NO_INITRD },
  };
  return [none, ...known.initrdsAtHand.map(at)];
}

/** A command line by what is hashed of it. That is done when the search gets there: there are ten thousand. */
function cmdlineOption(hashed: string, told: Omit<Option, 'set' | 'key'>): Option {
  let set: Partial<LaunchState> | undefined;
  return {
    ...told,
    key: hashed,
    get set() {
      set ??= { cmdlineHash: sha256(Buffer.from(hashed, 'utf8')) };
      return set;
    },
  };
}

/** A command line that reached the hash otherwise than as text and one NUL. */
function encodings(text: string, from: string | null): Option[] {
  const hashed = text === '' ? ['', '\0\0'] : [text, `${text}\0\0`, `${text}\n`, ''];
  return hashed.map((to) =>
    cmdlineOption(to, {
      change: { input: 'cmdline', from: `${from ?? ''}\0`, to },
      cause: 'cmdline-nul',
      likelihood: 'core',
    }),
  );
}

/** The command lines that may have been measured in place of that of the prediction; none where only its hash is known. */
export function cmdlineOptions({ append }: KnownLaunch): Option[] {
  if (append === undefined) {
    const absent: Option = {
      change: { input: 'cmdline', from: null, to: '' },
      cause: 'cmdline-absent',
      likelihood: 'core',
      set: { cmdlineHash: cmdlineHashOf('') },
    };
    return [absent];
  }
  const text = append ?? '';
  const variants = cmdlineVariants(text).flatMap(({ text: to, cause, likelihood }): Option[] => {
    if (to.includes('\0') || to === text) return [];
    const change = { input: 'cmdline', from: append, to: to === '' ? null : to } as const;
    return [cmdlineOption(`${to}\0`, { change, cause, likelihood })];
  });
  return [...variants, ...encodings(text, append)];
}
