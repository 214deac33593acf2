import type { HostFinding, HostReport } from '../evidence/host-report.ts';
import { plainText } from './plain-text.ts';

const MAX_TEXT = 600;

const text = (words: string): string => plainText(words, MAX_TEXT).replaceAll('\n', ' ');

/** What a host is, in a few words: `Genoa, firmware 1.55.24, Linux 6.12.43, QEMU 10.0.2, 4 slots`. */
function hostWords({ provenance, facts, slots }: HostReport): string {
  if (provenance === null) return '';
  const platform = facts?.platform;
  const firmware = platform?.firmware;
  const version = firmware
    ? [firmware.apiMajor, firmware.apiMinor, firmware.build].filter((part) => part !== null)
    : [];
  const builds = Object.entries(provenance.qemu).map(([name, { version: full }]) => {
    const short = full.split(' ', 1)[0] ?? full;
    return name === 'default' ? `QEMU ${short}` : `QEMU ${name} ${short}`;
  });
  const words = [
    provenance.kind === 'emulated' ? `emulated ${provenance.profile}` : undefined,
    platform?.product ?? undefined,
    version.length > 0 ? `firmware ${version.join('.')}` : undefined,
    provenance.kernel.split(' ').slice(0, 2).join(' '),
    ...builds,
    `${slots.usable} ${slots.usable === 1 ? 'slot' : 'slots'}`,
  ];
  return text(words.filter((word) => word !== undefined).join(', '));
}

/** One line of a finding, and what to do about it. */
function findingLines({ level, code, what, fix }: HostFinding): string[] {
  const head = `${level === 'cannot' ? 'unfit' : level}: ${code === null ? '' : `${code}: `}${text(what)}`;
  return fix === null ? [head] : [head, `  fix: ${text(fix)}`];
}

/** A host in a line, and below it what there is to say of it, at the levels that are wanted. */
export function hostLines(report: HostReport, levels: readonly HostFinding['level'][]): string[] {
  const words = hostWords(report);
  const findings = report.findings.filter(({ level }) => levels.includes(level));
  return [
    `host ${report.name}: ${report.state}${words === '' ? '' : `: ${words}`}`,
    ...findings.flatMap((finding) => findingLines(finding).map((line) => `    ${line}`)),
  ];
}
