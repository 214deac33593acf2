import { recogniseLog } from '../../lib/refusals/log.ts';
import { expect, test } from '../support/test.ts';

const LOG = `2026-03-01 starting
qemu-system-x86_64: warning: something else
SEV-SNP: CPUID validation failed for function 0x7, index: 0x0\r
SEV-SNP: CPUID validation failed for function 0x8, index: 0x0
qemu-system-x86_64: SNP_LAUNCH_UPDATE ret=-5 fw_error=22 'Invalid parameter'
qemu-system-x86_64: SNP_LAUNCH_FINISH ret=-5 fw_error=99 'unknown error'
`;

test('a log tells each thing once, at its first line, in order', () => {
  const mentions = recogniseLog(LOG);
  expect(
    mentions.map(({ lineNumber, refusals, repeated, unknown }) => ({
      lineNumber,
      id: refusals[0]?.id,
      repeated,
      unknown,
    })),
  ).toEqual([
    { lineNumber: 3, id: 'qemu-cpuid-validation', repeated: 1, unknown: null },
    { lineNumber: 5, id: 'update-cpuid', repeated: 0, unknown: null },
    { lineNumber: 6, id: undefined, repeated: 0, unknown: 'status 0x63' },
  ]);
  expect(mentions[0]?.line).not.toContain('\r');
});

test('of a log that tells of very much only so much is kept', () => {
  const log = Array.from({ length: 500 }, (_, index) => `SNP_LAUNCH_START ret=-5 fw_error=${index + 100}`).join('\n');
  expect(recogniseLog(log)).toHaveLength(100);
});
