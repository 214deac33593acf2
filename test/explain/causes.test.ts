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
