import type { HostReport } from '../../../lib/evidence/host-report.ts';
import { machineFacts } from '../../../lib/host/preflight/machine-facts.ts';
import { machinePlatform } from '../../../lib/host/preflight/platform-facts.ts';
import { slotFindings, usableSlots } from '../../../lib/host/preflight/slots.ts';
import { unsuitable } from '../../../lib/host/preflight/suitable.ts';
import type { Cell } from '../../../lib/matrix/cell.ts';
import { expect, test } from '../../support/test.ts';
import { GENOA, QEMU_BUILD, sectionsOf } from './hosts.ts';

const CELL: Cell = {
  id: 'x',
  firmware: 'amdsev',
  kernel: null,
  initrd: null,
  append: null,
  guestPolicy: 0x30000n,
  guestFeatures: 1n,
  vcpus: 1,
  vcpuType: 'EPYC-v4',
  qemu: 'default',
};

function facts(said: Readonly<Record<string, string>> = {}, qemu: Readonly<Record<string, typeof QEMU_BUILD>> = {}) {
  const sections = sectionsOf({ ...GENOA, ...said });
  return {
    platform: machinePlatform(sections),
    machine: machineFacts(sections),
    qemu: { default: QEMU_BUILD, ...qemu },
    snphost: null,
  };
}

function report(changes: Partial<HostReport> = {}): HostReport {
  return {
    format: 'snp-conform/host@1',
    name: 'milan-1',
    checkedAt: '2026-01-01T00:00:00.000Z',
    state: 'ready',
    findings: [],
    facts: facts(),
    provenance: {
      name: 'milan-1',
      kind: 'hardware',
      profile: null,
      vmmProfile: 'qemu-init2',
      kernel: 'Linux 6.12',
      cbitpos: 51,
      qemu: { default: { path: '/q', version: '10.0.2' } },
    },
    slots: { configured: 4, usable: 4, boundBy: null, why: null },
    ...changes,
  };
}

test('a ready host runs what its QEMU knows', () => {
  expect(unsuitable(CELL, report())).toBeUndefined();
  expect(unsuitable({ ...CELL, vcpuType: 'EPYC-v4,family=25,model=17,stepping=1' }, report())).toBeUndefined();
});

test('a CPU model that the QEMU of the host lacks is a reason to skip, not an error', () => {
  expect(unsuitable({ ...CELL, vcpuType: 'EPYC-Turin' }, report())).toBe(
    'QEMU build "default" of host milan-1 (10.0.2 (Debian)) has no CPU model EPYC-Turin',
  );
});

test('a QEMU build that the host does not have is a reason to skip; one that does not run is an error', () => {
  expect(unsuitable({ ...CELL, qemu: 'next' }, report())).toMatch(/^host milan-1 has no QEMU build named "next"/);
  const broken = { ...QEMU_BUILD, trouble: 'no such file' };
  expect(unsuitable({ ...CELL, qemu: 'next' }, report({ facts: facts({}, { next: broken as never }) }))).toBe(
    'HOST_QEMU: host milan-1, QEMU build "next": no such file',
  );
});

test('a host that is out is an error of its code for every test; one that is unfit a reason to skip', () => {
  const findings: HostReport['findings'] = [
    { level: 'error', code: 'SSH_HOST_KEY', what: 'the host key is unknown', fix: 'compare it' },
    { level: 'warning', code: 'HOST_DISK', what: 'little room', fix: null },
  ];
  const out = report({ state: 'out', findings, facts: null, provenance: null });
  const reason = 'SSH_HOST_KEY: host milan-1: the host key is unknown\n  hint: compare it';
  expect(unsuitable(CELL, out)).toBe(reason);
  expect(unsuitable(undefined, out)).toBe(reason);
  const cannot = report({ state: 'unfit', findings: [{ level: 'cannot', code: null, what: 'no SNP', fix: null }] });
  expect(unsuitable(CELL, cannot)).toBe('host milan-1: no SNP');
});

const memory = (total: number, available: number) => ({
  memory: `MemTotal: ${total * 1024} kB\nMemAvailable: ${available * 1024} kB`,
});

test('slots are bounded by free ASIDs and by memory, whichever is less', () => {
  expect(usableSlots(4, facts(), 512)).toEqual({ configured: 4, usable: 4, boundBy: null, why: null });
  expect(usableSlots(200, facts(), 512)).toMatchObject({
    usable: 96,
    boundBy: 'asids',
    why: '96 of 99 ASIDs for SNP guests are free',
  });
  expect(usableSlots(4, facts(memory(4096, 1300)), 512)).toMatchObject({ usable: 2, boundBy: 'memory' });
  expect(
    usableSlots(4, facts({ ...memory(9999, 1300), misc: 'misc.capacity:sev_es 9\nmisc.current:sev_es 8' }), 512),
  ).toMatchObject({
    usable: 1,
    boundBy: 'asids',
  });
});

test('memory that others use is trouble, memory that was never there is how the machine is', () => {
  const findings = (total: number, available: number) => {
    const asked = facts(memory(total, available));
    return slotFindings(usableSlots(2, asked, 512), asked, 512);
  };
  expect(findings(8192, 4000)).toEqual([]);
  expect(findings(8192, 700)).toMatchObject([{ level: 'warning', code: 'HOST_MEMORY' }]);
  expect(findings(8192, 300)).toMatchObject([{ level: 'error', code: 'HOST_MEMORY' }]);
  expect(findings(600, 300)).toMatchObject([{ level: 'cannot', code: null }]);
});
