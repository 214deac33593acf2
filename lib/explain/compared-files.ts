import { quotedText } from './change.ts';
import type { FileOrigin, KnownLaunch } from './launch-state.ts';

/** A file of a launch that a digest was compared with, and how many others were tried in its place. */
export interface ComparedFile {
  readonly input: 'firmware' | 'kernel' | 'initrd';
  /** null: the launch has none. */
  readonly name: string | null;
  /** Lower-case hex; null: not known. */
  readonly sha256: string | null;
  /** Files that lie at hand; not those that were made of one. */
  readonly others: number;
}

const atHand = (files: readonly { readonly origin: FileOrigin }[]): number =>
  files.filter(({ origin }) => origin === 'at-hand').length;

/** The files of a launch, as somebody on its host would compare them. */
export function comparedFiles(known: KnownLaunch): ComparedFile[] {
  const { launch, firmwareName, kernel, initrd } = known;
  const hashOf = (file: KnownLaunch['kernel']): string | null =>
    file === null ? null : Buffer.from(file.sha256).toString('hex');
  return [
    { input: 'firmware', name: firmwareName, sha256: launch.firmware.sha256, others: atHand(known.firmwaresAtHand) },
    { input: 'kernel', name: kernel?.name ?? null, sha256: hashOf(kernel), others: atHand(known.kernelsAtHand) },
    { input: 'initrd', name: initrd?.name ?? null, sha256: hashOf(initrd), others: atHand(known.initrdsAtHand) },
  ];
}

const others = (count: number): string =>
  count === 0 ? 'no other at hand' : count === 1 ? '1 other at hand' : `${count} others at hand`;

/** What is told where no change of a launch gives its digest: which files it was made with, and how to see whether they are the host's. */
export function comparedFilesLines(files: readonly ComparedFile[]): string[] {
  const rows = files.map(({ input, name, sha256, others: count }) => {
    if (name === null) return `  ${input.padEnd(8)} none, ${others(count)}`;
    return `  ${input.padEnd(8)} ${quotedText(name).slice(1, -1)}, ${sha256 === null ? 'its hash is not known' : `sha256 ${sha256}`}, ${others(count)}`;
  });
  return [
    'Most likely the host launched a file that is not here, or its own build of one. Compared were:',
    ...rows,
    'On the host: sha256sum of the files after -bios, -kernel and -initrd in /proc/PID/cmdline of QEMU. Where one differs, give',
    'a copy of it with --artifacts DIR; the launch as it was, with all of its options, with --from-argv.',
  ];
}
