import fc from 'fast-check';
import { FIRMWARE_STATUS } from '../../lib/abi/firmware-status.ts';
import {
  type Recognised,
  recogniseCode,
  recogniseLine,
  recogniseNumbers,
  refusalNumbers,
  similarCode,
} from '../../lib/refusals/recognise.ts';
import { REFUSALS } from '../../lib/refusals/refusals.ts';
import { expect, test } from '../support/test.ts';

const ids = (recognised: Recognised | null): string[] | null => recognised?.refusals.map(({ id }) => id) ?? null;

// Lines as they stand in logs and issue threads. Sources: QEMU 10.0 and 10.2 target/i386/sev.c; AMDESE/AMDSEV issues 176, 212,
// 216, 218, 223, 240; AMDESE/sev-guest issues 13, 33; kata-containers issue 5795; NVIDIA/nvtrust issue 91; Linux sev-dev.c.
const LINES: readonly (readonly [line: string, id: string])[] = [
  ["qemu-system-x86_64: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'", 'finish-bad-measurement'],
  ['SNP_LAUNCH_FINISH ret=-5 fw_error=11', 'finish-bad-measurement'],
  ['SNP_LAUNCH_FINISH ret=-5 fw_error=0xb', 'finish-bad-measurement'],
  ["sev_snp_launch_finish: SNP_LAUNCH_FINISH ret=-5 fw_error=7 'Policy is not allowed'", 'finish-policy'],
  ["SNP_LAUNCH_FINISH ret=-5 fw_error=10 'Bad signature'", 'finish-bad-signature'],
  ["SNP_LAUNCH_FINISH ret=-5 fw_error=22 'Invalid parameter'", 'finish-invalid-param'],
  ["SNP_LAUNCH_FINISH ret=-22 fw_error=0 ''", 'kvm-finish-einval'],
  ["SNP_LAUNCH_FINISH ret=-14 fw_error=0 ''", 'kvm-finish-efault'],
  ["sev_snp_launch_start: SNP_LAUNCH_START ret=-5 fw_error=7 'Policy is not allowed'", 'start-policy'],
  ["sev_snp_launch_start: SNP_LAUNCH_START ret=-22 fw_error=0 ''", 'kvm-start-einval'],
  ["SNP_LAUNCH_START ret=-22 fw_error=-1 'unknown error'", 'kvm-start-einval'],
  ["SNP_LAUNCH_START ret=-25 fw_error=0 ''", 'kvm-start-enotty'],
  ['LAUNCH_START ret=-22 fw=0', 'kvm-start-einval'],
  ["SNP_LAUNCH_UPDATE ret=-5 fw_error=22 'Invalid parameter'", 'update-cpuid'],
  ["SNP_LAUNCH_UPDATE ret=-5 fw_error=0 ''", 'kvm-update-eio'],
  ["SNP_LAUNCH_UPDATE ret=-5 fw_error=26 'unknown error'", 'update-page-state'],
  ["sev_common_kvm_init: failed to initialize ret=-16 fw_error=0 ''", 'kvm-init-ebusy'],
  ["sev_kvm_init: failed to initialize ret=-25 fw_error=0 ''", 'kvm-enotty'],
  [
    "sev_common_kvm_init: failed to initialize ret=-5 fw_error=1 'Platform state is invalid'",
    'status-invalid-platform-state',
  ],
  ["SNP_LAUNCH_START ret=-5 fw_error=12 'ASID is already owned'", 'status-asid-owned'],
  ["SNP_LAUNCH_START ret=-5 fw_error=4294967295 ''", 'kvm-eio'],
  ['SEV-SNP: CPUID validation failed for function 0x7, index: 0x0, provided: eax:0x00000000', 'qemu-cpuid-validation'],
  ['qemu-system-x86_64: SEV-SNP: failed update CPUID page', 'qemu-cpuid-validation'],
  ['qemu: sev_snp_launch_finish: Failed to locate SEV metadata header', 'qemu-metadata-missing'],
  ["qemu: snp_populate_metadata_pages: Invalid memory type '4'", 'qemu-metadata-type'],
  ['qemu: SEV information block/Firmware GUID Table block not found in pflash rom', 'qemu-no-guid-table'],
  ['SEV: guest firmware hashes table area is invalid (base=0x0 size=0x0)', 'qemu-no-hashes-table'],
  ["target/i386/sev.c:1800: Assertion `sev_snp->kernel_hashes_data' failed.", 'qemu-hashes-assertion'],
  ["sev_common_kvm_init: cbitpos check failed, host '0' requested '51'", 'qemu-cbitpos'],
  ["qemu: Parameter 'reduced-phys-bits' is missing", 'qemu-phys-bits'],
  ["sev_common_kvm_init: Failed to open /dev/sev 'Permission denied'", 'qemu-sev-device'],
  ["qemu: Could not open '/dev/sev': No such file or directory", 'qemu-sev-device'],
  ['Could not access KVM kernel module: Permission denied', 'qemu-no-kvm'],
  ['sev_common_kvm_init: SEV-ES guests require in-kernel irqchipsupport', 'qemu-irqchip'],
  ['SEV-SNP: failed to configure initialprivate guest memory', 'qemu-private-memory'],
  ['pflash with kvm requires KVM readonly memory support', 'qemu-pflash'],
  ['parameter length of 192 not equal to 96', 'qemu-property-length'],
  ['parameter length:ID_AUTH 8192 exceeds max of 4096', 'qemu-property-length'],
  ["Invalid parameter 'auth-key-enabled'", 'qemu-property-unknown'],
  ['KVM: unknown exit reason 24', 'qemu-termination'],
  ['[    2.1] SEV-SNP: Memory for the RMP table has not been reserved by BIOS', 'kernel-rmp-not-reserved'],
  ['[    2.2] AMD-Vi: SNP: IOMMU disabled or configured in passthrough mode, SNP cannot be supported.', 'kernel-iommu'],
  ['kvm_amd: SEV-SNP unusable (ASIDs 1 - 99)', 'kernel-snp-unusable'],
  ['kvm_amd: SEV-ES guest requested termination: 0x0:0x2', 'kernel-termination'],
  ['VerifyBlob: Hash comparison failed for "kernel"', 'ovmf-hash-comparison'],
  ["error: internal error: QEMU unexpectedly closed the monitor (vm='snp')", 'libvirt-start'],
];

for (const [line, id] of LINES) {
  test(`${line.slice(0, 90)}: ${id}`, () => {
    expect(ids(recogniseLine(line))).toEqual([id]);
  });
}

test('a line with a status and words tells of both, the status first', () => {
  const line = 'ccp 0000:47:00.5: SEV-SNP: SNP_INIT_EX failed rc -5, error 0x20';
  expect(ids(recogniseLine(line))).toEqual(['status-rmp-init-required', 'kernel-snp-init']);
});

test('nothing is known of lines that are about something else', () => {
  for (const line of [
    '',
    'qemu-system-x86_64: warning: memory-encryption is deprecated, use confidential-guest-support instead',
    'error 11 while copying',
    'systemd: Failed with result exit-code, ret=-5',
    'kvm_amd: SEV-SNP enabled (ASIDs 1 - 99)',
    'ccp: SEV-SNP API:1.55 build:24',
  ]) {
    expect(recogniseLine(line), line).toBeNull();
  }
});

test('a status that is not in the table is said to be unknown', () => {
  expect(recogniseLine("SNP_LAUNCH_FINISH ret=-5 fw_error=99 'unknown error'")).toEqual({
    refusals: [],
    unknown: 'status 0x63',
  });
});

test('of an errno that is not in the table it is still known who refused', () => {
  const recognised = recogniseLine("SNP_LAUNCH_START ret=-71 fw_error=0 ''");
  expect(recognised?.unknown).toBe('errno 71');
  expect(ids(recognised)).toEqual(['status-success']);
});

// A refusal is the same, whichever way its numbers are written.
test('numbers are read in decimal, hex and as unsigned', () => {
  expect(refusalNumbers('SNP_LAUNCH_FINISH ret=-5 fw_error=0x0B')).toEqual({ step: 'FINISH', ret: -5, status: 11 });
  expect(refusalNumbers("SNP_LAUNCH_START ret: -22 fw_error: 'x'")).toEqual({ step: 'START', ret: -22, status: null });
  expect(refusalNumbers('fw_error=0xffffffff')).toEqual({ step: null, ret: null, status: -1 });
  expect(refusalNumbers('fw_err=7 ()')).toEqual({ step: null, ret: null, status: 7 });
});

test('every status of the firmware is recognised as number, hex and name, at every step', () => {
  for (const [name, status] of Object.entries(FIRMWARE_STATUS)) {
    const id = `status-${name.toLowerCase().replaceAll('_', '-')}`;
    const hex = `0x${status.toString(16)}`;
    for (const text of [String(status), hex, name, `SEV_RET_${name}`, name.toLowerCase()]) {
      expect(ids(recogniseCode(text)), text).toContain(id);
    }
    for (const step of ['INIT', 'START', 'UPDATE', 'FINISH'] as const) {
      const [first] = recogniseNumbers({ step, ret: -5, status }).refusals;
      expect(first, `${step} ${name}`).toBeDefined();
    }
  }
});

test('codes and names that stand alone are recognised', () => {
  expect(ids(recogniseCode('-1'))).toEqual(['status-no-fw-call', 'kvm-eperm']);
  expect(ids(recogniseCode('7'))).toEqual(['start-policy', 'finish-policy', 'status-policy-failure']);
  expect(ids(recogniseCode('Bad measurement'))).toEqual(['finish-bad-measurement', 'status-bad-measurement']);
  expect(ids(recogniseCode('INVALID_LEN'))).toEqual(['status-invalid-length']);
  expect(ids(recogniseCode('HWSEV_RET_PLATFORM'))).toEqual(['status-hwerror-platform']);
  expect(ids(recogniseCode('EBUSY'))).toEqual(['kvm-init-ebusy', 'kvm-ebusy']);
  expect(ids(recogniseCode('finish-policy'))).toEqual(['finish-policy']);
  expect(recogniseCode('0x63')).toBeNull();
  expect(recogniseCode('something else')).toBeNull();
  expect(similarCode('POLICY_FAILUR')).toBe('POLICY_FAILURE');
});

test('any line, however long or strange, is answered', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: 'binary' }), (text) => {
      recogniseLine(text);
      recogniseCode(text);
    }),
  );
  for (const part of ['fw_error=', 'SEV: error ', 'ret=-', 'SNP_LAUNCH_', ' ', '0', '=']) {
    recogniseLine(part.repeat(200_000));
  }
});

test('rows have ids of their own, and every text', () => {
  const all = REFUSALS.map(({ id }) => id);
  expect(all).toEqual([...new Set(all)]);
  for (const { id, name, meaning, cause, remedy, source } of REFUSALS) {
    expect(
      [name, meaning, cause, remedy, source].every((text) => text.trim().length > 3),
      id,
    ).toBe(true);
  }
});

test('no two rows answer to the same numbers, so that none hides another', () => {
  const keys = REFUSALS.filter(({ recognition }) => recognition.by !== 'text').map(({ recognition }) =>
    JSON.stringify(recognition),
  );
  expect(keys).toEqual([...new Set(keys)]);
});
