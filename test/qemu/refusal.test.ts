import fc from 'fast-check';
import { refusalSchema } from '../../lib/evidence/schema.ts';
import { findRefusal } from '../../lib/qemu/refusal.ts';
import { expect, test } from '../support/test.ts';

const rows: [string, string, object][] = [
  [
    'upstream, bad measurement',
    "qemu-system-x86_64: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'",
    { command: 'SNP_LAUNCH_FINISH', ret: -5, fwError: 11, text: 'Bad measurement' },
  ],
  [
    'upstream, start',
    "qemu-system-x86_64: sev_snp_launch_start: SNP_LAUNCH_START ret=-25 fw_error=0 ''",
    { command: 'SNP_LAUNCH_START', ret: -25, fwError: 0, text: '' },
  ],
  [
    'AMDESE, update',
    "qemu-system-x86_64: sev_snp_launch_update: SNP_LAUNCH_UPDATE ret=-5 fw_error=22 'Invalid parameter'",
    { command: 'SNP_LAUNCH_UPDATE', ret: -5, fwError: 22, text: 'Invalid parameter' },
  ],
  [
    'the firmware was never called',
    "qemu: SNP_LAUNCH_FINISH ret=-22 fw_error=-1 'unknown error'",
    { command: 'SNP_LAUNCH_FINISH', ret: -22, fwError: -1, text: 'unknown error' },
  ],
];

for (const [name, line, refusal] of rows) {
  test(`finds a refusal: ${name}`, () => {
    const found = findRefusal(`qemu: warning: x\n${line}\r\nqemu: failed to initialize kvm\n`);
    expect(found).toEqual({ ...refusal, line });
    expect(refusalSchema.safeParse(found).success).toBe(true);
  });
}

test('the first refusal counts', () => {
  const found = findRefusal("SNP_LAUNCH_UPDATE ret=-5 fw_error=1 'a'\nSNP_LAUNCH_FINISH ret=-5 fw_error=2 'b'\n");
  expect(found).toMatchObject({ command: 'SNP_LAUNCH_UPDATE', fwError: 1 });
});

test('other words of QEMU are no refusal', () => {
  expect(findRefusal('')).toBeUndefined();
  expect(findRefusal("SNP_LAUNCH_FINISH called\nSNP_LAUNCH_START ret=x fw_error=1 'a'\n")).toBeUndefined();
  expect(findRefusal("sev_common_kvm_init: failed to initialize ret=-22 fw_error=0 ''\n")).toBeUndefined();
});

test('any text gives a refusal of the schema or none', () => {
  const piece = fc.constantFrom('SNP_LAUNCH_START', ' ret=', '-5', ' fw_error=', '9999999999', " '", "'", '\n', 'x');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const found = findRefusal(pieces.join(''));
      expect(found === undefined || refusalSchema.safeParse(found).success).toBe(true);
    }),
  );
});
