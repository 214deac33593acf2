import type { DeviceAccess, MachineFacts } from '../../evidence/host-facts.ts';
import { type Section, textOf } from './sections.ts';
import { rowsOf, shortText, wholeNumber } from './text-facts.ts';

const MAX_LOG_LINES = 64;
const MAX_LOG_LINE = 512;
const KIB_PER_MIB = 1024;

type Sections = ReadonlyMap<string, Section>;

function device(sections: Sections, name: string): DeviceAccess {
  const section = sections.get(name);
  if (section?.exitCode === 0) return { present: true, usable: true, trouble: null };
  // A shell says first who complains of what: `sh: 1: cannot create /dev/sev: Permission denied`.
  const trouble = shortText(section?.text)?.replace(/^.*\/dev\/\w+: /, '') ?? 'it could not be asked';
  return { present: trouble !== 'absent', usable: false, trouble };
}

function memory(text: string | undefined): MachineFacts['memoryMiB'] {
  const rows = rowsOf(text, ':');
  const mib = (key: string): number | undefined => {
    const kib = wholeNumber(/^(\d+) kB$/.exec(rows.get(key) ?? '')?.[1]);
    return kib === undefined ? undefined : Math.floor(kib / KIB_PER_MIB);
  };
  const [total, available] = [mib('MemTotal'), mib('MemAvailable')];
  return total === undefined || available === undefined ? null : { total, available };
}

/** Reads `df -Pk` and `df -Pi`, one after the other: name, total, used, free, per cent, mount point, each. */
function disk(text: string | undefined): MachineFacts['disk'] {
  const rows = (text ?? '').split('\n').filter((line) => !line.startsWith('Filesystem'));
  const [blocks, inodes] = rows.map((line) => /\s(\d+)\s+\d+\s+(\d+)\s+\S+\s+\//.exec(line));
  const [total, free] = [wholeNumber(blocks?.[1]), wholeNumber(blocks?.[2])];
  if (total === undefined || free === undefined) return null;
  const mib = (kib: number): number => Math.floor(kib / KIB_PER_MIB);
  // File systems without a table of inodes say 0 of 0.
  const freeInodes = inodes?.[1] === '0' ? null : (wholeNumber(inodes?.[2]) ?? null);
  return { totalMiB: mib(total), freeMiB: mib(free), freeInodes };
}

/** Words that decide about SNP. Source: Linux Documentation/admin-guide/kernel-parameters.txt. */
const KERNEL_OPTIONS = /^(?:iommu|amd_iommu|mem_encrypt|kvm_amd\.[a-z_]+|ccp\.[a-z_]+|kvm\.[a-z_]+|nosmt|sev)(?:=|$)/;

/** What the sections of FACTS_SCRIPT say of the machine itself. */
export function machineFacts(sections: Sections): MachineFacts {
  const said = (name: string) => textOf(sections, name);
  const cpu = rowsOf(said('cpu'), ':');
  const dmi = rowsOf(said('dmi'), ':');
  const [memlock, openFiles] = (said('memlock') ?? '').split('\n');
  const system = [shortText(dmi.get('sys_vendor')), shortText(dmi.get('product_name'))].filter((word) => word);
  const options = (said('options') ?? '').split(/\s+/).filter((word) => KERNEL_OPTIONS.test(word));
  const log = (said('log') ?? '').split('\n').filter((line) => line.trim() !== '');
  return {
    kernel: shortText(said('kernel')) ?? 'unknown',
    kernelOptions: options.slice(0, 64).map((word) => word.slice(0, 256).toWellFormed()),
    processors: wholeNumber(said('processors')) ?? null,
    microcode: shortText(cpu.get('microcode')) ?? null,
    bios: {
      vendor: shortText(dmi.get('bios_vendor')) ?? null,
      version: shortText(dmi.get('bios_version')) ?? null,
      date: shortText(dmi.get('bios_date')) ?? null,
    },
    system: system.length === 0 ? null : system.join(' '),
    memoryMiB: memory(said('memory')),
    disk: disk(said('disk')),
    memlockKiB: wholeNumber(memlock) ?? null,
    openFiles: wholeNumber(openFiles) ?? null,
    devices: { kvm: device(sections, 'kvm'), sev: device(sections, 'sev') },
    user: shortText(said('user')) ?? null,
    directoryTrouble:
      said('directory') === undefined
        ? (shortText(sections.get('directory')?.text) ?? 'it could not be looked at')
        : null,
    missingPrograms: (said('programs') ?? '')
      .split('\n')
      .flatMap((line) => shortText(line) ?? [])
      .slice(0, 64),
    kernelLog: log.slice(0, MAX_LOG_LINES).map((line) => line.slice(0, MAX_LOG_LINE).toWellFormed()),
  };
}
