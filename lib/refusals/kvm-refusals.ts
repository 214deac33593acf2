import type { KnownRefusal, LaunchStep, RefusalText } from './known-refusal.ts';

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

/** What KVM says by itself: at one step of a launch, then at any. */
export const KVM_REFUSALS: readonly KnownRefusal[] = ERRNO_ROWS.map(
  ({ step, errno, blames, source, ...text }): KnownRefusal => ({
    ...text,
    refusedBy: 'kvm',
    blames: blames ?? 'launch',
    source: source ?? 'Linux 6.12 and 6.18, arch/x86/kvm/svm/sev.c',
    recognition: step === undefined ? { by: 'errno', errno } : { by: 'errno', errno, step },
  }),
);
