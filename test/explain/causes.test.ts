import { CAUSES } from '../../lib/explain/causes.ts';
import { expect, test } from '../support/test.ts';

test('a file that was seen on a host is advised as an option takes it, without the start of its hash', () => {
  const to = "/srv/it's new/OVMF.fd (sha256 0123456789abcdef...)";
  const advice = CAUSES['other-firmware'].advice({ input: 'firmware', from: 'OVMF.fd', to });
  expect(advice).toContain(`Predict with --ovmf '/srv/it'\\''s new/OVMF.fd', or `);
  expect(CAUSES['other-kernel'].advice({ input: 'kernel', from: 'a', to: '/boot/vmlinuz' })).toContain(
    'Predict with --kernel /boot/vmlinuz, or ',
  );
});

test('no name in an advice writes on the terminal, and bash reads it back', () => {
  const to = `/srv/a\u001b[2J\n'b'"c"\u009b`;
  const advice = CAUSES['other-firmware'].advice({ input: 'firmware', from: 'OVMF.fd', to });
  expect(advice).toContain(`--ovmf $'/srv/a\\u001b[2J\\n\\'b\\'"c"\\u009b', or `);
});

test('advice is an option that predict takes, for the value that the host has', () => {
  const of = (
    cause: keyof typeof CAUSES,
    to: string | null,
    input: 'vmsaAddress' | 'cmdline' | 'initrd' | 'guestFeatures' | 'vcpus' = 'vmsaAddress',
  ) => CAUSES[cause].advice({ input, from: null, to });
  const address = (bits: bigint): string => of('vmsa-address', `0x${((1n << bits) - 4096n).toString(16)}`);
  for (const bits of [48n, 51n, 52n]) expect(address(bits)).toContain(`--vmsa-address-bits ${bits};`);
  for (const bits of [47n, 49n, 53n])
    expect(address(bits)).toContain(`cuts the address to ${bits} bits; update its kernel`);
  expect(of('debug-swap', '0x21', 'guestFeatures')).toContain('set kvm_amd.debug_swap=0');
  expect(of('debug-swap', '0x1', 'guestFeatures')).toContain('does not turn DebugSwap on');
  expect(of('fpu-state', 'qemu-pre-init2')).toContain('--no-fpu-state');
  expect(of('fpu-state', 'qemu-init2')).not.toContain('--no-fpu-state');
  expect(of('cmdline-tokens', "a b='c'", 'cmdline')).toContain(`--append 'a b='\\''c'\\'''`);
  expect(of('cmdline-newline', 'quiet\n', 'cmdline')).toContain("--append $'quiet\\n'");
  expect(of('cmdline-absent', null, 'cmdline')).toContain('Predict without --append');
  expect(of('initrd-absent', null, 'initrd')).toContain('without --initrd');
  expect(of('vcpus-in-cmdline', '8', 'vcpus')).toContain('--vcpus 8');
  expect(of('vcpus-in-cmdline', 'nr_cpus=8', 'cmdline')).toContain('--append nr_cpus=8');
});
