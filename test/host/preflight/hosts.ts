import type { Section } from '../../../lib/host/preflight/sections.ts';

/** Sections whose commands all succeeded. */
export function sectionsOf(texts: Readonly<Record<string, string>>): Map<string, Section> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, { text, exitCode: 0 }]));
}

/** What a two-socket Genoa under Linux 6.12 with SNP says; the values are of different machines. */
export const GENOA: Readonly<Record<string, string>> = {
  kernel: 'Linux 6.12.43+deb13-amd64 x86_64',
  user: 'snp',
  cpu: [
    'processor\t: 0',
    'vendor_id\t: AuthenticAMD',
    'cpu family\t: 25',
    'model\t\t: 17',
    'model name\t: AMD EPYC 9654 96-Core Processor',
    'stepping\t: 1',
    'microcode\t: 0xa101148',
  ].join('\n'),
  sockets: '2',
  processors: '384',
  smt: '1',
  kvm_amd: ['sev:Y', 'sev_es:Y', 'sev_snp:Y', 'debug_swap:N', 'ciphertext_hiding_asids:0'].join('\n'),
  kvm: '',
  sev: '',
  // EAX, EBX, ECX, EDX: C-bit 51, 1006 ASIDs, SEV alone from 100 on.
  cpuid: ' 0101fd3f 00004173 000003ee 00000064',
  syscfg: ' 0000000001f40000',
  status: '0137010118000000000000000300000004000000000018d303000000000017d1',
  misc: ['misc.capacity:sev 907', 'misc.capacity:sev_es 99', 'misc.current:sev 0', 'misc.current:sev_es 3'].join('\n'),
  memory: 'MemTotal:       1584627560 kB\nMemFree:        1500000000 kB\nMemAvailable:   1510000000 kB',
  directory: '',
  disk: [
    'Filesystem     1024-blocks      Used Available Capacity Mounted on',
    '/dev/nvme0n1p2  1921724608 104857600 1719177216       6% /',
    'Filesystem        Inodes  IUsed     IFree IUse% Mounted on',
    '/dev/nvme0n1p2 122101760 812345 121289415    1% /',
  ].join('\n'),
  memlock: '8192\n1024',
  dmi: [
    'bios_vendor:American Megatrends International, LLC.',
    'bios_version:3.1a: beta',
    'bios_date:03/05/2025',
    'sys_vendor:Supermicro',
    'product_name:AS -2025HS-TNR',
  ].join('\n'),
  options: 'BOOT_IMAGE=/vmlinuz root=UUID=1 ro password=hunter2 mem_encrypt=on kvm_amd.debug_swap=0 quiet',
  log: 'ccp 0000:45:00.1: SEV API:1.55 build:24\nccp 0000:45:00.1: SEV-SNP API:1.55 build:24\nkvm_amd: SEV-SNP enabled (ASIDs 1 - 99)',
  programs: '',
};

/** A QEMU build of which nothing is wrong. */
export const QEMU_BUILD = {
  path: '/usr/bin/qemu-system-x86_64',
  version: '10.0.2 (Debian)',
  trouble: null,
  snpOptions: ['policy'],
  igvm: false,
  epycModels: ['EPYC', 'EPYC-v4', 'EPYC-Milan'],
};
