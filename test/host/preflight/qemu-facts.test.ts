import fc from 'fast-check';
import { qemuFactsSchema } from '../../../lib/evidence/host-facts.ts';
import { qemuFacts } from '../../../lib/host/preflight/qemu-facts.ts';
import { expect, test } from '../../support/test.ts';
import { sectionsOf } from './hosts.ts';

const QEMU_10 = {
  version: 'QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright (c) 2003-2025',
  snp: 'sev-snp-guest options:\n  author-key-enabled=<bool>\n  kernel-hashes=<bool>   - add kernel hashes\n  policy=<uint64>',
  machine: 'pc-q35-10.0-machine options:\n  igvm-cfg=<link<igvm-cfg>> - Set IGVM configuration\n  usb=<bool>',
  cpu: [
    'Available CPUs:',
    '  EPYC                  (alias configured by machine type)',
    '  EPYC-Milan-v2         AMD EPYC-Milan-v2 Processor',
    '  486-v1                (with EPYC-v9 in its words)',
    '',
    'Recognized CPUID flags:',
  ].join('\n'),
};

test('a QEMU build is what it says of itself', () => {
  expect(qemuFacts('/usr/bin/qemu', sectionsOf(QEMU_10))).toEqual({
    path: '/usr/bin/qemu',
    version: '10.0.2 (Debian 1:10.0.2+ds-2)',
    trouble: null,
    snpOptions: ['author-key-enabled', 'kernel-hashes', 'policy'],
    igvm: true,
    epycModels: ['EPYC', 'EPYC-Milan-v2'],
  });
});

test('a build without the SNP object, without IGVM or without an answer is told as such', () => {
  const old = sectionsOf({ ...QEMU_10, machine: '' });
  old.set('snp', { text: 'qemu: -object sev-snp-guest,help: invalid object type', exitCode: 1 });
  expect(qemuFacts('/q', old)).toMatchObject({ snpOptions: null, igvm: false, trouble: null });
  const absent = sectionsOf({});
  absent.set('version', { text: "timeout: failed to run command '/q': No such file or directory", exitCode: 127 });
  expect(qemuFacts('/q', absent)).toMatchObject({
    version: null,
    trouble: "/q --version failed with exit code 127: timeout: failed to run command '/q': No such file or directory",
  });
});

test('whatever a build says, the facts are of their schema', () => {
  const words = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...Object.values(QEMU_10)),
    fc.constant(`QEMU emulator version ${'9'.repeat(5000)}`),
    fc.constant(Array.from({ length: 2000 }, (_, at) => `  EPYC-${at} x`).join('\n')),
  );
  fc.assert(
    fc.property(fc.record({ version: words, snp: words, machine: words, cpu: words }), (said) => {
      expect(qemuFactsSchema.safeParse(qemuFacts('/q', sectionsOf(said))).error).toBeUndefined();
    }),
  );
});
