import type { KnownRefusal, Recognition } from './known-refusal.ts';
import { REFUSALS } from './refusals.ts';

/** How a line that is recognised looks: for numbers as QEMU prints them. */
function saidAs(recognition: Recognition, name: string): string {
  switch (recognition.by) {
    case 'status':
      return recognition.status < 0
        ? `${recognition.status} \`${name}\``
        : `0x${recognition.status.toString(16).padStart(2, '0')} (${recognition.status}) \`${name}\``;
    case 'step-status':
      return `\`SNP_LAUNCH_${recognition.step} ret=-5 fw_error=${recognition.status}\``;
    case 'errno':
      return `\`${name}\``;
    case 'text':
      return name;
  }
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function rowsOf(refusals: readonly KnownRefusal[]): string[] {
  return [
    '| said | meaning | likely cause | what to do | id, source |',
    '|---|---|---|---|---|',
    ...refusals.map(({ id, name, meaning, cause, remedy, source, recognition }) => {
      const cells = [saidAs(recognition, name), meaning, cause, remedy, `\`${id}\`. ${source}`];
      return `| ${cells.map(cell).join(' | ')} |`;
    }),
  ];
}

/** The sections of the page, and which rows are in each. */
const SECTIONS: readonly (readonly [title: string, holds: (refusal: KnownRefusal) => boolean])[] = [
  ['What the firmware says at a step of a launch', ({ recognition: { by } }) => by === 'step-status'],
  ['What KVM says by itself', ({ recognition: { by } }) => by === 'errno'],
  ['Every status of the firmware', ({ recognition: { by } }) => by === 'status'],
  ['What QEMU says in words', ({ recognition: { by }, refusedBy }) => by === 'text' && refusedBy === 'qemu'],
  [
    'What hosts, guest firmware and libvirt say',
    ({ recognition: { by }, refusedBy }) => by === 'text' && refusedBy !== 'qemu',
  ],
];

const HEAD = `# Errors

Every refusal that \`snp-conform\` knows: what \`snp-conform why\` answers from, and what a failed cell explains itself with.
This page is printed by \`snp-conform why --list\`, and a test holds it to that.

A launch that is refused leaves one line on QEMU's standard error:

    SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'

\`ret\` is -errno of the ioctl, \`fw_error\` the status of the firmware in decimal. With \`fw_error=0\` or \`-1\` beside a negative
\`ret\`, KVM refused by itself and the firmware was not asked. QEMU has words for the statuses up to 0x18 only; above, it says
\`unknown error\`. Kernels before the end of 2024 have other names for the statuses from 0x19 on; the numbers are right.`;

/** docs/errors.md: the table of errors as Markdown. */
export function refusalsPage(): string {
  const sections = SECTIONS.map(([title, holds]) => [`## ${title}`, '', ...rowsOf(REFUSALS.filter(holds))].join('\n'));
  return `${[HEAD, ...sections].join('\n\n')}\n`;
}
