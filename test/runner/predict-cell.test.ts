import { createHash } from 'node:crypto';
import { readRecording } from '../../lib/evidence/recording.ts';
import type { Cell } from '../../lib/matrix/cell.ts';
import { describeFirmware } from '../../lib/measure/firmware.ts';
import { measuredArtifacts, predictCell, predictEvidence } from '../../lib/runner/predict-cell.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { vectorBytes, vectorsAbsent, vectorsPresent } from '../support/vectors.ts';
import { SHIPPED_RECORDING } from './plans.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const CELL: Cell = {
  id: 'x',
  firmware: 'amdsev',
  kernel: null,
  initrd: null,
  append: null,
  guestPolicy: 0x30000n,
  guestFeatures: 0x1n,
  vcpus: 1,
  vcpuType: 'EPYC-v4',
  qemu: 'default',
};
const file = (name: string, contents: string) => ({
  name,
  path: name,
  sha256: createHash('sha256').update(contents).digest('hex'),
});

// Source: sev-snp-measure 0.0.13 (commit 8f2b337) on tests/fixtures/ovmf_AmdSev_suffix.bin; KERNELKERNEL and INITRD.
test('a cell is predicted as published, with kernel, initrd and command line and without', () => {
  test.skip(!vectorsPresent, vectorsAbsent);
  const firmware = describeFirmware(vectorBytes('ovmf/ovmf_AmdSev_suffix.bin'));
  const digest = (cell: Partial<Cell>, kernel: string | null, initrd: string | null): string => {
    const artifacts = measuredArtifacts(
      firmware,
      kernel === null ? null : file('k', kernel),
      initrd === null ? null : file('i', initrd),
    );
    return hex(predictCell({ ...CELL, ...cell }, artifacts, 'qemu-init2').launchDigest).slice(0, 16);
  };
  expect(digest({}, null, null)).toBe('19358ba9a7615534');
  expect(digest({ guestFeatures: 0x21n }, null, null)).toBe('e1e1ca029dd7973a');
  expect(digest({ vcpus: 4 }, null, null)).toBe('49a5df7673889bab');
  expect(digest({ vcpuType: 'EPYC-Milan' }, null, null)).toBe('93f767a2bff8fc05');
  expect(digest({}, 'KERNELKERNEL', null)).toBe('dfb925cdf5246f1b');
  expect(digest({ append: 'console=ttyS0' }, 'KERNELKERNEL', 'INITRD')).toBe('952beec38d789ef9');
});

test('a VMM profile that nobody knows is refused', () => {
  const [evidence] = readRecording(SHIPPED_RECORDING).evidence;
  if (evidence === undefined) throw new Error('an empty recording');
  const host = { ...evidence.host, vmmProfile: 'bhyve' };
  expect(harnessErrorOf(() => predictEvidence({ ...evidence, host })).message).toContain('"bhyve"');
});

// What the emulated firmware measured, of what the real QEMU handed it, stands at 0x90 of the report.
test('every recorded launch measured what is predicted from its inputs now', () => {
  const { evidence } = readRecording(SHIPPED_RECORDING);
  expect(evidence.length).toBeGreaterThanOrEqual(40);
  for (const one of evidence) {
    const report = Buffer.from(one.outcome.report ?? '', 'base64');
    expect(hex(predictEvidence(one).launchDigest), one.cell.id).toBe(hex(report.subarray(0x90, 0xc0)));
  }
});
