import type { ExplanationKind, InputName } from './change.ts';
import { type ComparedFile, comparedFilesLines } from './compared-files.ts';
import type { Direction, Explanation } from './explanation.ts';
import type { Searched } from './search.ts';

/** All that is answered to the question why a digest is another than was thought. */
export interface Answer {
  readonly direction: Direction;
  /** 96 hex digits: what was to be explained. */
  readonly target: string;
  /** 96 hex digits: what the given inputs have; null: nothing can be launched with them. */
  readonly predicted: string | null;
  readonly explanations: readonly Explanation[];
  /** Hypotheses whose digest was compared. */
  readonly tried: number;
  readonly exhausted: boolean;
  readonly seconds: number;
  readonly searched: readonly Searched[];
  /** The files of the launch. */
  readonly files: readonly ComparedFile[];
}

/** Is the difference explained? Hints alone explain nothing. */
export function isExplained({ explanations, target, predicted }: Answer): boolean {
  return target === predicted || explanations.some(({ kind }) => kind !== 'hint');
}

/** The answer as JSON has it. */
export function answerJson(answer: Answer): object {
  const { explanations, tried, exhausted, seconds } = answer;
  return {
    explained: isExplained(answer),
    explanations: explanations.map(({ changes, kind, cause, advice }) => ({
      changes: changes.map(({ input, from, to }) => ({ input, from, to })),
      kind,
      cause,
      advice,
    })),
    tried,
    exhausted,
    seconds: Math.round(seconds * 1000) / 1000,
  };
}

/** How each input can be seen on the host, so that a match becomes a proof. */
const CONFIRM: Readonly<Record<InputName, string>> = {
  guestFeatures:
    'on the host: uname -r; cat /sys/module/kvm_amd/parameters/debug_swap; init-flags or secure-tsc in the argv of QEMU',
  vcpuType: 'on the host: -cpu in /proc/PID/cmdline of QEMU',
  vcpuSig: 'on the host: -cpu in /proc/PID/cmdline of QEMU; with -cpu host, CPUID leaf 1 EAX of its processor',
  vcpus: 'on the host: the first number of -smp in /proc/PID/cmdline of QEMU',
  vmmProfile:
    'where the guest runs: EC2, GCE, krun or QEMU; on a host of your own: uname -r (FPU state is measured since Linux 6.10)',
  kernelHashes: 'on the host: kernel-hashes= of the sev-snp-guest object in /proc/PID/cmdline of QEMU',
  cmdline: "on the host: the word after -append, with tr '\\0' '\\n' < /proc/PID/cmdline | cat -A",
  initrd: 'on the host: sha256sum of the file after -initrd',
  kernel: 'on the host: sha256sum of the file after -kernel',
  firmware: 'on the host: sha256sum of the file after -bios',
  pageOrder: "on the host: QEMU with -trace 'kvm_sev_snp_launch_update' shows the pages in order",
  vmsaAddress: 'on the host: uname -r, and the physical address bits in /proc/cpuinfo',
  mode: 'compare like with like: the launch digest of the whole guest, as a report has it',
};

const KIND_WORDS: Readonly<Record<ExplanationKind, string>> = {
  proof: 'proof, seen on the host',
  match: 'match, the digest follows from it',
  hint: 'hint, not shown to be the cause',
};

/** Numbers with their thousands apart. */
const count = (number: number): string => String(number).replace(/\B(?=(?:\d{3})+$)/g, ',');
const changesText = (changes: number): string =>
  ['no change', 'one change', 'two changes at once', 'three changes at once'][changes] ?? `${changes} changes`;

/** One line for each number of changes: how many hypotheses there are, how many of them were compared, and which kinds were not. */
export function remainderLines(searched: readonly Searched[]): string[] {
  return [1, 2, 3].flatMap((changes) => {
    const rows = searched.filter((row) => row.changes === changes);
    const size = rows.reduce((sum, row) => sum + row.size, 0);
    const tried = rows.reduce((sum, row) => sum + row.tried, 0);
    if (size === 0) return [];
    if (tried === size) return [`  ${changesText(changes)}: all ${count(size)}`];
    const open = [
      ...new Set(
        rows
          .filter((row) => row.tried < row.size)
          .sort((left, right) => right.size - right.tried - (left.size - left.tried))
          .map(({ subjects }) => subjects),
      ),
    ];
    const named = open.slice(0, 6).join('; ');
    const more = open.length > 6 ? `; and ${open.length - 6} more kinds` : '';
    return [`  ${changesText(changes)}: ${count(tried)} of ${count(size)}; not or not wholly tried: ${named}${more}`];
  });
}

const BEYOND = [
  '  not tried: files that are not at hand, more than three changes, command lines further away than the words and edits of',
  '  docs/mismatch-causes.md',
];

/** What was not tried for lack of time, and how to have it tried. */
const MORE_TIME = '  the time was over before all was tried: --time-limit SECONDS gives more';

const NOTHING_PREDICTED = 'nothing: a kernel is given, and the firmware has no place for its hashes';

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${line}`);
}

function explanationLines({ changes, kind, cause, advice }: Explanation): string[] {
  return [
    `${KIND_WORDS[kind]} (${cause}${changes.length > 1 ? `, ${changesText(changes.length)}` : ''}):`,
    ...indented(advice),
  ];
}

/** The answer for people: what it is first, then what was ruled out, then how to confirm it. */
export function answerText(answer: Answer): string {
  const { direction, target, predicted, explanations, tried, exhausted, seconds, searched, files } = answer;
  const digests = [`${direction.padEnd(9)} ${target}`, `predicted ${predicted ?? NOTHING_PREDICTED}`];
  if (target === predicted) {
    const refused =
      'If the host refuses this launch all the same, it measures what no command line shows: launch without the';
    const hints =
      explanations.length === 0
        ? []
        : [
            `${refused} ID block,`,
            'and explain the measurement of its report with --observed.',
            '',
            ...explanations.flatMap(explanationLines),
            '',
          ];
    return ['The digests are equal: there is nothing to explain.', '', ...digests, '', ...hints].join('\n');
  }
  const explained = isExplained(answer);
  const head = explained ? [] : ['Not explained: no change that was tried gives this digest.', ''];
  const body = explanations.flatMap((one) => [...explanationLines(one), '']);
  const time = `${count(tried)} hypotheses in ${seconds.toFixed(1)} s`;
  const ruledOut = explained
    ? [`Ruled out: everything with fewer changes, and all else that was compared (${time}).`]
    : [
        `Tried: ${time}.`,
        ...remainderLines(searched),
        ...BEYOND,
        ...(exhausted ? [] : [MORE_TIME]),
        '',
        ...comparedFilesLines(files),
      ];
  const inputs = [...new Set(explanations.flatMap(({ changes }) => changes.map(({ input }) => input)))];
  const confirm = inputs.map((input) => `  ${CONFIRM[input]}`);
  return [
    ...head,
    ...body,
    ...digests,
    '',
    ...ruledOut,
    ...(confirm.length === 0 ? [] : ['', 'To confirm:', ...confirm]),
    '',
  ].join('\n');
}
