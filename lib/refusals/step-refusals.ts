import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import type { KnownRefusal, LaunchStep, RefusalText } from './known-refusal.ts';

const { BAD_MEASUREMENT, POLICY_FAILURE, BAD_SIGNATURE, INVALID_PARAM, INVALID_GUEST_STATE } = FIRMWARE_STATUS;
const { INVALID_PAGE_STATE, INVALID_PAGE_OWNER, INVALID_PAGE_SIZE } = FIRMWARE_STATUS;

/** Linux errno numbers. Source: Linux, include/uapi/asm-generic/errno.h and errno-base.h. */
export const ERRNO = {
  EPERM: 1,
  EIO: 5,
  ENXIO: 6,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
  ETIMEDOUT: 110,
} as const;

interface StepRow extends RefusalText {
  step: LaunchStep;
  status: number;
}

/** What the firmware says at one step of a launch. Source: AMD 56860, SNP_LAUNCH_START, SNP_LAUNCH_UPDATE, SNP_LAUNCH_FINISH. */
const STEP_ROWS: readonly StepRow[] = [
  {
    id: 'start-policy',
    step: 'START',
    status: POLICY_FAILURE,
    name: 'POLICY_FAILURE at SNP_LAUNCH_START',
    meaning:
      'the firmware does not launch the guest policy on this platform: ABI version, SMT, sockets or a reserved bit',
    cause:
      'SMT is on and the policy forbids it (bit 16 clear), the policy wants a newer firmware API, SINGLE_SOCKET on a host of two, or a bit that this firmware does not know',
    remedy: '`snp-conform policy 0x... --host-smt on --host-api 1.55` names the bit; the default policy is 0x30000',
  },
  {
    id: 'start-invalid-param',
    step: 'START',
    status: INVALID_PARAM,
    name: 'INVALID_PARAM at SNP_LAUNCH_START',
    meaning: 'a reserved field of the launch is set, or its context page is not aligned',
    cause: 'a kernel that asks for more than this firmware knows',
    remedy: 'update the SEV firmware of the host',
  },
  {
    id: 'update-cpuid',
    step: 'UPDATE',
    status: INVALID_PARAM,
    name: 'INVALID_PARAM at SNP_LAUNCH_UPDATE',
    meaning:
      'the firmware does not accept the CPUID page; QEMU names the leaves on its stderr. The CPUID values are not measured, but a wrong one is fatal',
    cause: 'the CPU model has features that the firmware does not vouch for: -cpu host, or a model newer than the host',
    remedy: 'take -cpu EPYC-v4, or switch off the features of the leaves that QEMU names',
  },
  {
    id: 'update-page-state',
    step: 'UPDATE',
    status: INVALID_PAGE_STATE,
    name: 'INVALID_PAGE_STATE at SNP_LAUNCH_UPDATE',
    meaning: 'a page of the launch is not in the state pre-guest',
    cause:
      'two sections of the firmware image overlap, so that a page is handed over twice; or pages leaked by an earlier guest',
    remedy: '`snp-conform firmware describe` shows the sections; reboot the host if they do not overlap',
  },
  {
    id: 'update-page-owner',
    step: 'UPDATE',
    status: INVALID_PAGE_OWNER,
    name: 'INVALID_PAGE_OWNER at SNP_LAUNCH_UPDATE',
    meaning: 'a page of the launch belongs to another guest',
    cause: 'pages leaked by a guest that died badly',
    remedy: 'reboot the host, and report it with the kernel log',
  },
  {
    id: 'update-page-size',
    step: 'UPDATE',
    status: INVALID_PAGE_SIZE,
    name: 'INVALID_PAGE_SIZE at SNP_LAUNCH_UPDATE',
    meaning: 'a page of the launch has another size in the RMP than in the command',
    cause: 'a defect of the kernel: huge pages that were not split',
    remedy: 'update the kernel of the host',
  },
  {
    id: 'update-guest-state',
    step: 'UPDATE',
    status: INVALID_GUEST_STATE,
    name: 'INVALID_GUEST_STATE at SNP_LAUNCH_UPDATE',
    meaning: 'the guest is not being launched: pages came before the start, or after the finish',
    cause: 'commands of the launch out of order',
    remedy: 'compare the order of commands in the QEMU trace (kvm_sev_*)',
  },
  {
    id: 'finish-bad-measurement',
    step: 'FINISH',
    status: BAD_MEASUREMENT,
    name: 'BAD_MEASUREMENT at SNP_LAUNCH_FINISH',
    meaning: 'what the firmware measured is not the launch digest of the ID block; it does not report what it measured',
    cause:
      'one input of the prediction is not what was launched: guest features (0x1 or 0x21), FPU state (host kernel before or from 6.10), vCPU count or type, firmware build, kernel, initrd or command line',
    remedy:
      '`snp-conform predict --from-argv` predicts from the command line that was launched; try --guest-features 0x21 and --no-fpu-state; launch without the ID block to read the measurement from the report',
  },
  {
    id: 'finish-policy',
    step: 'FINISH',
    status: POLICY_FAILURE,
    name: 'POLICY_FAILURE at SNP_LAUNCH_FINISH',
    meaning: 'the policy of the ID block is not the one launched with; the launch digest was accepted before',
    cause: 'the ID block was made for another policy; sev-snp-measure always signs 0x30000',
    remedy: 'make the ID block with the policy of the launch: `snp-conform id-block --policy 0x...`',
  },
  {
    id: 'finish-bad-signature',
    step: 'FINISH',
    status: BAD_SIGNATURE,
    name: 'BAD_SIGNATURE at SNP_LAUNCH_FINISH',
    meaning: 'a signature or key of the ID auth is wrong; launch digest and policy were accepted before',
    cause:
      'the ID block was changed after it was signed, the author key is enabled and absent, or R and S were written big-endian or without their padding',
    remedy: '`snp-conform id-block --check` says which signature or key it is, and why',
  },
  {
    id: 'finish-invalid-param',
    step: 'FINISH',
    status: INVALID_PARAM,
    name: 'INVALID_PARAM at SNP_LAUNCH_FINISH',
    meaning:
      'a field of the launch is not valid: an algorithm of the ID auth is not 1, or a reserved field is set; early Milan firmware says so of an ID block without author key. Launch digest and policy were accepted before',
    cause:
      'author-key-enabled=on without an author key, an ID auth of another layout, or old Milan firmware without one',
    remedy: '`snp-conform id-block --check`; sign with an author key too, or update the SEV firmware',
  },
  {
    id: 'finish-guest-state',
    step: 'FINISH',
    status: INVALID_GUEST_STATE,
    name: 'INVALID_GUEST_STATE at SNP_LAUNCH_FINISH',
    meaning: 'the guest is not being launched, or it is an IMI guest',
    cause: 'a second finish, or one after a failed launch',
    remedy: 'launch anew; compare the order of commands in the QEMU trace (kvm_sev_*)',
  },
];

interface ErrnoRow extends RefusalText {
  step?: LaunchStep;
  errno: number;
  blames?: KnownRefusal['blames'];
  source?: string;
}

/** What KVM says by itself, with a status of 0 or -1. Source: Linux 6.12 and 6.18, arch/x86/kvm/svm/sev.c. */
const ERRNO_ROWS: readonly ErrnoRow[] = [
  {
    id: 'kvm-start-einval',
    step: 'START',
    errno: ERRNO.EINVAL,
    name: 'SNP_LAUNCH_START ret=-22 fw_error=0',
    meaning: 'KVM refused the launch before it asked the firmware: most often the guest policy',
    cause:
      'the policy has a bit that this kernel does not pass on: SMT clear or SINGLE_SOCKET before Linux 6.17, MIGRATE_MA, bits 21 to 25 before 6.19, bit 17 clear; also pflash in place of -bios, or a VM that is started twice',
    remedy:
      '`snp-conform policy 0x... --host-kernel $(uname -r)` names the bit; launch with -bios; the default policy is 0x30000',
  },
  {
    id: 'kvm-start-enotty',
    step: 'START',
    errno: ERRNO.ENOTTY,
    blames: 'machine',
    name: 'SNP_LAUNCH_START ret=-25',
    meaning: 'the kernel does not know the command: QEMU and kernel are not of one generation',
    cause: "a QEMU of AMD's own tree on an upstream kernel, or the reverse; or a kernel before 6.11",
    remedy: 'take QEMU 9.1 or newer with Linux 6.11 or newer',
    source: 'AMDESE/AMDSEV issue 216',
  },
  {
    id: 'kvm-update-eio',
    step: 'UPDATE',
    errno: ERRNO.EIO,
    name: 'SNP_LAUNCH_UPDATE ret=-5 fw_error=0',
    meaning: 'KVM could not hand a region over, and the firmware was not asked',
    cause: 'a page of the region is private already: two sections of the image overlap, or memory is not guest_memfd',
    remedy:
      'the kvm_sev_snp_launch_update trace of QEMU names the region; `snp-conform firmware describe` shows the sections',
    source: 'coconut-svsm/svsm issue 1029; Linux 6.12, arch/x86/kvm/svm/sev.c, sev_gmem_post_populate',
  },
  {
    id: 'kvm-update-einval',
    step: 'UPDATE',
    errno: ERRNO.EINVAL,
    name: 'SNP_LAUNCH_UPDATE ret=-22',
    meaning: 'KVM refused a region: empty, not page-aligned, of a type that it does not take, or without guest_memfd',
    cause: 'an image whose metadata names such a section',
    remedy: '`snp-conform firmware describe` shows the sections',
  },
  {
    id: 'kvm-finish-einval',
    step: 'FINISH',
    errno: ERRNO.EINVAL,
    name: 'SNP_LAUNCH_FINISH ret=-22',
    meaning: 'KVM refused the end of the launch before it asked the firmware',
    cause: 'id-block without id-auth, or a launch that was never started',
    remedy: 'give both id-block and id-auth, or neither',
  },
  {
    id: 'kvm-finish-efault',
    step: 'FINISH',
    errno: ERRNO.EFAULT,
    name: 'SNP_LAUNCH_FINISH ret=-14',
    meaning: 'KVM could not read the ID block or the ID auth',
    cause: 'an id-auth shorter than 4096 bytes: QEMU takes it, and KVM reads past its end',
    remedy: 'give id-auth exactly 4096 bytes, in base64',
  },
  {
    id: 'kvm-init-ebusy',
    step: 'INIT',
    errno: ERRNO.EBUSY,
    blames: 'machine',
    name: 'KVM_SEV_INIT2 ret=-16',
    meaning: 'there is no ASID left for another SNP guest, or its control group has none left',
    cause: 'too many SEV-ES and SNP guests at once, or a limit of misc.max',
    remedy: 'end guests, raise "SEV-ES ASID space limit" in the BIOS, or raise misc.max of sev_es',
  },
  {
    id: 'kvm-init-einval',
    step: 'INIT',
    errno: ERRNO.EINVAL,
    name: 'KVM_SEV_INIT2 ret=-22',
    meaning: 'KVM refused to make the guest: guest features, flags or GHCB version that it does not know',
    cause: 'guest features that this kernel or processor does not support; or a VM that is initialised twice',
    remedy: 'ask for fewer guest features, or take a newer kernel',
  },
  {
    id: 'kvm-enotty',
    errno: ERRNO.ENOTTY,
    blames: 'machine',
    name: 'ret=-25 (ENOTTY)',
    meaning: 'the kernel does not know the command: QEMU and kernel are not of one generation, or KVM has no SEV',
    cause: 'a kernel before 6.11, kvm_amd loaded with sev_snp=0, or a processor without SNP',
    remedy: 'check /sys/module/kvm_amd/parameters/sev_snp, and the kernel log for "SEV-SNP"',
    source: 'AMDESE/AMDSEV issue 216',
  },
  {
    id: 'kvm-einval',
    errno: ERRNO.EINVAL,
    name: 'ret=-22 (EINVAL)',
    meaning: 'KVM refused an argument by itself, and the firmware was not asked',
    cause: 'at the start of a launch most often the guest policy',
    remedy: '`snp-conform policy 0x... --host-kernel $(uname -r)`; see the step at which it was said',
  },
  {
    id: 'kvm-eio',
    errno: ERRNO.EIO,
    name: 'ret=-5 (EIO)',
    meaning: 'a command failed; the status of the firmware beside it says why. Without one the kernel failed by itself',
    cause: 'see the firmware status; without one, pages that could not be made private',
    remedy: 'look at fw_error, and at the kernel log of the host',
  },
  {
    id: 'kvm-ebusy',
    errno: ERRNO.EBUSY,
    blames: 'machine',
    name: 'ret=-16 (EBUSY)',
    meaning: 'something that is needed is in use: ASIDs, or a vCPU that is just being made',
    cause: 'too many SNP guests at once',
    remedy: 'end guests, or give the host fewer slots',
  },
  {
    id: 'kvm-enomem',
    errno: ERRNO.ENOMEM,
    blames: 'machine',
    name: 'ret=-12 (ENOMEM)',
    meaning: 'the host has not enough memory',
    cause: 'private memory cannot be swapped out, and other guests hold it',
    remedy: 'end guests, or launch with less memory',
  },
  {
    id: 'kvm-eperm',
    errno: ERRNO.EPERM,
    name: 'ret=-1 (EPERM)',
    meaning: 'KVM does not allow the command for this kind of guest',
    cause: 'a command of SEV or SEV-ES asked of an SNP guest: query-sev-launch-measure, sev-inject-launch-secret',
    remedy: 'the launch digest of an SNP guest is told by the report that the guest asks for, and by nothing else',
  },
  {
    id: 'kvm-eacces',
    errno: ERRNO.EACCES,
    blames: 'machine',
    name: 'ret=-13 (EACCES)',
    meaning: 'this user may not use the device',
    cause: '/dev/sev is for root alone by default',
    remedy: 'give the user of QEMU read and write access to /dev/sev and /dev/kvm',
  },
  {
    id: 'kvm-efault',
    errno: ERRNO.EFAULT,
    name: 'ret=-14 (EFAULT)',
    meaning: 'the kernel could not read or write what an address names',
    cause: 'a structure shorter than it must be',
    remedy: 'give id-block 96 bytes and id-auth 4096, in base64',
  },
  {
    id: 'kvm-eexist',
    errno: ERRNO.EEXIST,
    name: 'ret=-17 (EEXIST)',
    meaning: 'a page is private already',
    cause: 'two sections of the firmware image overlap',
    remedy: '`snp-conform firmware describe` shows the sections',
  },
  {
    id: 'kvm-enodev',
    errno: ERRNO.ENODEV,
    blames: 'machine',
    name: 'ret=-19 (ENODEV)',
    meaning: 'the kernel has no secure processor to ask',
    cause: 'the module ccp is not loaded, or found no SEV firmware',
    remedy: 'look for "ccp" in the kernel log; enable SEV in the BIOS',
  },
  {
    id: 'kvm-etimedout',
    errno: ERRNO.ETIMEDOUT,
    blames: 'machine',
    name: 'ret=-110 (ETIMEDOUT)',
    meaning: 'the secure processor did not answer; the kernel uses it no more until the host is rebooted',
    cause: 'a fault of the secure processor or its firmware',
    remedy: 'reboot the host; update the BIOS',
  },
];

/** What is said at one step of a launch, by the firmware and by KVM; then what KVM says at any. */
export const STEP_REFUSALS: readonly KnownRefusal[] = [
  ...STEP_ROWS.map(
    ({ step, status, ...text }): KnownRefusal => ({
      ...text,
      refusedBy: 'firmware',
      blames: 'launch',
      source: `AMD 56860, SNP_LAUNCH_${step}`,
      recognition: { by: 'step-status', step, status },
    }),
  ),
  ...ERRNO_ROWS.map(
    ({ step, errno, blames, source, ...text }): KnownRefusal => ({
      ...text,
      refusedBy: 'kvm',
      blames: blames ?? 'launch',
      source: source ?? 'Linux 6.12 and 6.18, arch/x86/kvm/svm/sev.c',
      recognition: step === undefined ? { by: 'errno', errno } : { by: 'errno', errno, step },
    }),
  ),
];
