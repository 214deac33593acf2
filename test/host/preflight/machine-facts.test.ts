import fc from 'fast-check';
import { machineFactsSchema } from '../../../lib/evidence/host-facts.ts';
import { machineFacts } from '../../../lib/host/preflight/machine-facts.ts';
import type { Section } from '../../../lib/host/preflight/sections.ts';
import { expect, test } from '../../support/test.ts';
import { GENOA, sectionsOf } from './hosts.ts';

test('a machine is told from what it says', () => {
  expect(machineFacts(sectionsOf(GENOA))).toEqual({
    kernel: 'Linux 6.12.43+deb13-amd64 x86_64',
    kernelOptions: ['mem_encrypt=on', 'kvm_amd.debug_swap=0'],
    processors: 384,
    microcode: '0xa101148',
    bios: { vendor: 'American Megatrends International, LLC.', version: '3.1a: beta', date: '03/05/2025' },
    system: 'Supermicro AS -2025HS-TNR',
    memoryMiB: { total: 1547487, available: 1474609 },
    disk: { totalMiB: 1876684, freeMiB: 1678884, freeInodes: 121289415 },
    memlockKiB: 8192,
    openFiles: 1024,
    devices: {
      kvm: { present: true, usable: true, trouble: null },
      sev: { present: true, usable: true, trouble: null },
    },
    user: 'snp',
    directoryTrouble: null,
    missingPrograms: [],
    kernelLog: GENOA.log?.split('\n'),
  });
});

test('of the kernel command line only what decides about SNP is kept', () => {
  expect(JSON.stringify(machineFacts(sectionsOf(GENOA)))).not.toContain('hunter2');
});

test('a device that cannot be opened says why, and one that is not there is told from it', () => {
  const sections = new Map<string, Section>([
    ['kvm', { text: 'sh: 1: cannot open /dev/kvm: Permission denied', exitCode: 2 }],
    ['sev', { text: 'absent', exitCode: 1 }],
  ]);
  expect(machineFacts(sections).devices).toEqual({
    kvm: { present: true, usable: false, trouble: 'Permission denied' },
    sev: { present: false, usable: false, trouble: 'absent' },
  });
});

test('unlimited memlock, a file system without inodes and a host that says nothing are no numbers', () => {
  const disk = `${GENOA.disk?.replace('122101760 812345 121289415', '0 0 0')}`;
  const facts = machineFacts(sectionsOf({ memlock: 'unlimited\nunlimited', disk }));
  expect([facts.memlockKiB, facts.openFiles, facts.disk?.freeInodes]).toEqual([null, null, null]);
  expect(machineFacts(new Map())).toMatchObject({ kernel: 'unknown', memoryMiB: null, disk: null, system: null });
});

test('whatever a host says, the facts are of their schema', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...Object.values(GENOA)),
    fc.constant('9'.repeat(40)),
  );
  const section = fc.record<Section>({ text: words, exitCode: fc.constantFrom(0, 0, 1, null) });
  const sections = fc.record(Object.fromEntries(Object.keys(GENOA).map((name) => [name, section])));
  fc.assert(
    fc.property(sections, (said) => {
      expect(machineFactsSchema.safeParse(machineFacts(new Map(Object.entries(said)))).error).toBeUndefined();
    }),
  );
});

test('a flood is bounded', () => {
  const flood = machineFacts(
    sectionsOf({ log: 'SEV\n'.repeat(10_000), options: 'iommu=x '.repeat(10_000), programs: 'p\n'.repeat(10_000) }),
  );
  expect([flood.kernelLog.length, flood.kernelOptions.length, flood.missingPrograms.length]).toEqual([64, 64, 64]);
});
