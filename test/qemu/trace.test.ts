import fc from 'fast-check';
import { traceEventSchema } from '../../lib/evidence/schema.ts';
import { parseTrace } from '../../lib/qemu/trace.ts';
import { expect, test } from '../support/test.ts';

// Forms: QEMU, target/i386/kvm/trace-events; values of a launch with an AmdSev build of OVMF.
const UPSTREAM = `kvm_sev_init
kvm_sev_snp_launch_start policy 0x30000 gosvw (null)
kvm_sev_change_state uninit -> launch-update
kvm_sev_snp_launch_update src 0x7f21e0000000 gpa 0xffc00000 len 0x400000 (Normal page)
kvm_sev_snp_launch_update src 0x7f21dfe00000 gpa 0x800000 len 0x9000 (Zero page)
kvm_sev_snp_launch_update src 0x7f21dfe0d000 gpa 0x80d000 len 0x1000 (Secrets page)
kvm_sev_snp_launch_update src 0x7f21dfe0e000 gpa 0x80e000 len 0x1000 (Cpuid page)
kvm_hc_map_gpa_range gpa 0x0 size 0x1000 attributes 0x0 flags 0x0
kvm_sev_snp_launch_finish id_block (null) id_auth (null) host_data (null)
kvm_sev_change_state launch-update -> running
`;

test('reads the trace of upstream QEMU', () => {
  expect(parseTrace(UPSTREAM)).toEqual([
    { event: 'init' },
    { event: 'launch_start', policy: '0x30000' },
    { event: 'change_state', from: 'uninit', to: 'launch-update' },
    { event: 'launch_update', gpa: '0xffc00000', bytes: 0x400000, pageType: 'Normal' },
    { event: 'launch_update', gpa: '0x800000', bytes: 0x9000, pageType: 'Zero' },
    { event: 'launch_update', gpa: '0x80d000', bytes: 0x1000, pageType: 'Secrets' },
    { event: 'launch_update', gpa: '0x80e000', bytes: 0x1000, pageType: 'Cpuid' },
    { event: 'other', text: 'kvm_hc_map_gpa_range gpa 0x0 size 0x1000 attributes 0x0 flags 0x0' },
    { event: 'launch_finish' },
    { event: 'change_state', from: 'launch-update', to: 'running' },
  ]);
});

test('reads the trace of the AMDESE trees', () => {
  const log = `kvm_sev_init type SEV-SNP flags 0x0
kvm_sev_snp_launch_start policy 0x30000 gosvw (null)
kvm_sev_snp_launch_update addr 0x7f21e0000000 gpa 0xffc00000 len 0x400000 (Vmsa page)
`;
  expect(parseTrace(log)).toEqual([
    { event: 'init' },
    { event: 'launch_start', policy: '0x30000' },
    { event: 'launch_update', gpa: '0xffc00000', bytes: 0x400000, pageType: 'Vmsa' },
  ]);
});

test('keeps what it cannot read as text: the trace of 2021 has no addresses', () => {
  expect(
    parseTrace('kvm_sev_snp_launch_start policy 0xB0000\nkvm_sev_snp_launch_update addr 0x7f len 0x1000 type 1\n'),
  ).toEqual([
    { event: 'launch_start', policy: '0xb0000' },
    { event: 'other', text: 'kvm_sev_snp_launch_update addr 0x7f len 0x1000 type 1' },
  ]);
  expect(parseTrace('kvm_sev_snp_launch_update src 0x0 gpa 0x0 len 0x0 (Zero page)\n')[0]?.event).toBe('other');
  expect(parseTrace('kvm_sev_change_state broken\nkvm_sev_snp_launch_start\n').map((event) => event.event)).toEqual([
    'other',
    'other',
  ]);
});

test('reads lines with process id and time before the event', () => {
  expect(parseTrace('4242@1700000000.123456:kvm_sev_init \r\n')).toEqual([{ event: 'init' }]);
});

test('passes over other lines of the log and drops an unfinished last line', () => {
  expect(
    parseTrace('Invalid access at addr 0x0\nqcow2_writev_start\nkvm_sev_init\nkvm_sev_snp_launch_start policy 0x3'),
  ).toEqual([{ event: 'init' }]);
  expect(parseTrace('kvm_sev_init')).toEqual([]);
});

test('keeps at most 4096 events and 400 characters of one', () => {
  expect(parseTrace('kvm_sev_init\n'.repeat(5000))).toHaveLength(4096);
  expect(parseTrace(`sev_${'x'.repeat(2000)}\n`)).toEqual([{ event: 'other', text: `sev_${'x'.repeat(396)}` }]);
});

test('whatever the log holds, the events are those of the schema', () => {
  const name = fc.constantFrom('kvm_sev_init', 'kvm_sev_snp_launch_start', 'kvm_sev_snp_launch_update', 'sev_x');
  const piece = fc.constantFrom(
    'policy ',
    '0xffffffffffffffffff',
    '0x10',
    ' gosvw a',
    'src 0x1 gpa 0x0 len ',
    ' (Zero page)',
    ' ',
  );
  const line = fc.tuple(name, fc.array(piece, { maxLength: 6 })).map(([first, rest]) => `${first} ${rest.join('')}\n`);
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 10 }), (lines) => {
      for (const event of parseTrace(lines.join(''))) expect(traceEventSchema.safeParse(event).success).toBe(true);
    }),
  );
});
