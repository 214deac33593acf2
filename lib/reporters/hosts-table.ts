import type { HostReport } from '../evidence/host-report.ts';
import { hostLines } from './host-lines.ts';
import { plainText } from './plain-text.ts';
import { columns } from './table.ts';

const MAX_CELL = 60;
const NOTHING = '-';
const HEAD = ['host', 'state', 'platform', 'firmware', 'kernel', 'QEMU', 'slots', 'memory', 'disk'] as const;

const gib = (mib: number): string => (mib < 1024 ? `${mib} MiB` : `${Math.round(mib / 1024)} GiB`);

function platformWords({ facts, provenance }: HostReport): string {
  if (provenance?.kind === 'emulated') return `emulated ${provenance.profile}`;
  const platform = facts?.platform;
  const sockets = platform?.sockets ?? 1;
  return `${platform?.product ?? platform?.cpu?.name ?? NOTHING}${sockets > 1 ? `, ${sockets} sockets` : ''}`;
}

function rowOf(report: HostReport): string[] {
  const { name, state, facts, slots } = report;
  if (facts === null) return [name, state, ...Array<string>(HEAD.length - 2).fill(NOTHING)];
  const { platform, machine } = facts;
  const { firmware } = platform;
  const builds = Object.values(facts.qemu).map(({ version }) => version?.split(' ', 1)[0] ?? NOTHING);
  return [
    name,
    state,
    platformWords(report),
    firmware === null ? NOTHING : [firmware.apiMajor, firmware.apiMinor, firmware.build ?? []].flat().join('.'),
    machine.kernel.split(' ')[1] ?? machine.kernel,
    builds.join(', '),
    slots.usable === slots.configured ? `${slots.usable}` : `${slots.usable} of ${slots.configured}`,
    machine.memoryMiB === null ? NOTHING : gib(machine.memoryMiB.available),
    machine.disk === null ? NOTHING : gib(machine.disk.freeMiB),
  ].map((text) => plainText(text, MAX_CELL).replaceAll('\n', ' '));
}

/** The hosts as a table, and under it what there is to say of each, notes included. */
export function hostsTable(reports: readonly HostReport[]): string {
  const table = columns([[...HEAD], ...reports.map(rowOf)]);
  const remarks = reports
    .filter(({ findings }) => findings.length > 0)
    .flatMap((report) => ['', ...hostLines(report, ['error', 'cannot', 'warning', 'note'])]);
  return `${[...table, ...remarks].join('\n')}\n`;
}
