import type { HostFacts } from '../../../lib/evidence/host-facts.ts';
import type { HostFinding } from '../../../lib/evidence/host-report.ts';
import { findingsOf, hostState } from '../../../lib/host/preflight/findings.ts';
import { machineFacts } from '../../../lib/host/preflight/machine-facts.ts';
import { machinePlatform } from '../../../lib/host/preflight/platform-facts.ts';
import { expect, test } from '../../support/test.ts';
import { GENOA, QEMU_BUILD, sectionsOf } from './hosts.ts';

interface Changes {
  said?: Readonly<Record<string, string>>;
  /** Sections that fail with a text. */
  failed?: Readonly<Record<string, string>>;
  qemu?: HostFacts['qemu'];
  snphost?: HostFacts['snphost'];
  emulated?: true;
}

function findings(changes: Changes = {}): HostFinding[] {
  const sections = sectionsOf({ ...GENOA, ...changes.said });
  for (const [name, text] of Object.entries(changes.failed ?? {})) sections.set(name, { text, exitCode: 1 });
  const qemu = changes.qemu ?? { default: QEMU_BUILD };
  const facts = {
    platform: machinePlatform(sections),
    machine: machineFacts(sections),
    qemu,
    snphost: changes.snphost ?? null,
  };
  const usableBuilds = Object.keys(qemu).filter((name) => qemu[name]?.snpOptions != null);
  return findingsOf({ emulated: changes.emulated === true, facts, directory: '/var/tmp/snp-conform', usableBuilds });
}

const kvmAmd = (change: string, to: string): Record<string, string> => ({
  kvm_amd: `${GENOA.kvm_amd?.replace(change, to)}`,
});

const disk = (freeKiB: number, freeInodes = 1000): Record<string, string> => ({
  disk: `Filesystem x\n/dev/x 9999999 1 ${freeKiB} 1% /\nFilesystem y\n/dev/x 99999 1 ${freeInodes} 1% /`,
});

test('a host of which nothing is wrong has one note: its TCBs differ', () => {
  expect(findings()).toEqual([
    { level: 'note', code: null, what: expect.stringContaining('reported TCB 0xd117000000000003'), fix: null },
  ]);
  expect(hostState(findings())).toBe('ready');
});

/** What is planted, and what must be said of it: level, code, and words of the finding and of the way out. */
const PLANTED: readonly (readonly [string, Changes, HostFinding['level'], HostFinding['code'], RegExp, RegExp])[] = [
  [
    'SNP off in the BIOS',
    {
      said: {
        ...kvmAmd('sev_snp:Y', 'sev_snp:N'),
        log: 'SEV-SNP: Memory for the RMP table has not been reserved by BIOS',
      },
    },
    'error',
    'HOST_SNP',
    /sev_snp is N; the kernel says: .*not been reserved by BIOS/,
    /BIOS/,
  ],
  ['no kvm_amd', { said: { kvm_amd: '', syscfg: '' } }, 'error', 'HOST_SNP', /not loaded/, /modprobe kvm_amd/],
  [
    'an IOMMU passed through',
    { said: { ...kvmAmd('sev_snp:Y', 'sev_snp:N'), options: 'quiet iommu=pt' } },
    'error',
    'HOST_SNP',
    /command line has iommu=pt/,
    /boot without iommu=pt/,
  ],
  [
    'a /dev/kvm of another group',
    { failed: { kvm: 'sh: 1: cannot open /dev/kvm: Permission denied' } },
    'error',
    'HOST_DEVICE',
    /\/dev\/kvm cannot be used: .*Permission denied/,
    /usermod -aG kvm snp/,
  ],
  [
    'a /dev/sev that is root’s',
    { failed: { sev: 'sh: 1: cannot open /dev/sev: Permission denied' } },
    'error',
    'HOST_DEVICE',
    /\/dev\/sev cannot be used/,
    /chgrp kvm \/dev\/sev/,
  ],
  ['no /dev/sev', { failed: { sev: 'absent' } }, 'error', 'HOST_DEVICE', /\/dev\/sev is not there/, /ccp/],
  [
    'old firmware',
    { said: { status: `0132${GENOA.status?.slice(4)}` } },
    'error',
    'HOST_FIRMWARE',
    /API 1\.50; SNP needs 1\.51/,
    /update/,
  ],
  [
    'firmware that was never initialised',
    { said: { status: `013700${GENOA.status?.slice(6)}` } },
    'error',
    'HOST_FIRMWARE',
    /not initialised/,
    /SNP_INIT/,
  ],
  [
    'no ASID for SNP',
    { said: { misc: 'misc.capacity:sev_es 0' } },
    'error',
    'HOST_ASIDS',
    /no ASID/,
    /ASID space limit/,
  ],
  [
    'all ASIDs in use',
    { said: { misc: 'misc.capacity:sev_es 99\nmisc.current:sev_es 99' } },
    'error',
    'HOST_ASIDS',
    /all 99 ASIDs/,
    /end guests/,
  ],
  [
    'no QEMU',
    { qemu: { default: { ...QEMU_BUILD, version: null, snpOptions: null, trouble: 'no such file' } } },
    'error',
    'HOST_QEMU',
    /build "default": no such file/,
    /hosts\.json/,
  ],
  [
    'one of two QEMUs too old',
    { qemu: { default: QEMU_BUILD, old: { ...QEMU_BUILD, version: '8.2.0', snpOptions: null } } },
    'warning',
    'HOST_QEMU',
    /build "old": .*8\.2\.0.* does not know sev-snp-guest/,
    /9\.1/,
  ],
  ['no flock', { said: { programs: 'flock' } }, 'error', 'HOST_PROGRAMS', /missing: flock/, /util-linux/],
  ['a full disk', { said: disk(1000) }, 'error', 'HOST_DISK', /0 MiB free/, /make room/],
  ['a file system without inodes left', { said: disk(9_000_000, 3) }, 'error', 'HOST_DISK', /3 free inodes/, /room/],
  ['a disk that fills', { said: disk(500 * 1024) }, 'warning', 'HOST_DISK', /only 500 MiB/, /make room/],
  [
    'a directory of somebody else',
    { failed: { directory: '/var/tmp/snp-conform may not be written by snp' } },
    'error',
    'HOST_DIRECTORY',
    /may not be written/,
    /another "directory"/,
  ],
  [
    'snphost that complains',
    { snphost: { version: '0.7.0', tests: [{ name: 'SME', status: 'fail', message: 'MSR read failed' }] } },
    'note',
    null,
    /SME \(MSR read failed\)/,
    /.*/,
  ],
];

for (const [planted, changes, level, code, what, fix] of PLANTED) {
  test(`${planted} is told, with what to do about it`, () => {
    const found = findings(changes).filter((finding) => what.test(finding.what));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ level, code });
    expect(found[0]?.fix ?? '').toMatch(fix);
    expect(hostState(findings(changes))).toBe(level === 'error' ? 'out' : 'ready');
  });
}

test('a processor that never had SNP is a machine of another kind, not a broken one', () => {
  const cpu = `${GENOA.cpu?.replace('AuthenticAMD', 'GenuineIntel')}`;
  const changes = { said: { cpu, kvm_amd: '', status: '', programs: 'flock' }, failed: { sev: 'absent' } };
  const [first, second] = findings(changes);
  expect(first).toMatchObject({ level: 'error', code: 'HOST_PROGRAMS' });
  expect(second).toMatchObject({ level: 'cannot', code: null, what: expect.stringContaining('no SEV-SNP') });
  expect(hostState(findings(changes))).toBe('unfit');
});

test('of an emulated host only the machine is judged', () => {
  const absent = { failed: { sev: 'absent', kvm: 'absent' }, said: { kvm_amd: '' }, emulated: true } as const;
  expect(findings(absent)).toEqual([]);
  expect(findings({ ...absent, said: disk(10) })).toMatchObject([{ code: 'HOST_DISK' }]);
});

test('what could not be asked puts no host out', () => {
  const silent = findingsOf({
    emulated: false,
    facts: {
      platform: machinePlatform(new Map()),
      machine: machineFacts(sectionsOf({ directory: '' })),
      qemu: {},
      snphost: null,
    },
    directory: '/d',
    usableBuilds: [],
  });
  expect(silent).toEqual([]);
});
