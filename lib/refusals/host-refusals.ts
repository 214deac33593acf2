import type { KnownRefusal } from './known-refusal.ts';

type TextRow = Omit<KnownRefusal, 'recognition' | 'blames'> & {
  blames?: KnownRefusal['blames'];
  pattern: RegExp;
};

const REBOOT = 'then reboot';
const SEV_DEV_C = 'Linux, drivers/crypto/ccp/sev-dev.c';

/** What stands in the kernel log of a host, on the console of a guest, or is said by libvirt. */
const ROWS: readonly TextRow[] = [
  {
    id: 'kernel-rmp-not-reserved',
    name: 'Memory for the RMP table has not been reserved by BIOS',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'SNP is off: there is no memory for the RMP, or too little of it',
    cause: 'the BIOS does not reserve it, or was set before memory was added',
    remedy: `enable "SNP Memory (RMP Table) Coverage" in the BIOS, ${REBOOT}`,
    source: 'Linux, arch/x86/virt/svm/sev.c',
    pattern: /Memory for the RMP table has not been reserved|Memory reserved for the RMP table does not cover/,
  },
  {
    id: 'kernel-iommu',
    name: 'SNP: IOMMU disabled or configured in passthrough mode',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'SNP is off: it needs the IOMMU, with its own page tables and not passed through',
    cause:
      'iommu=pt, iommu=off or amd_iommu=off on the command line of the host kernel, or IOMMU SNP support off in the BIOS',
    remedy: `remove these options, and enable IOMMU and "SEV-SNP Support" in the BIOS, ${REBOOT}`,
    source: 'Linux, drivers/iommu/amd/init.c',
    pattern: /SNP: IOMMU (?:disabled|is configured with V2|SNP feature not enabled)/,
  },
  {
    id: 'kernel-snp-init',
    name: 'SEV-SNP: SNP_INIT failed',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'the firmware could not be initialised for SNP',
    cause: 'see the error that the line names; often the RMP, or firmware older than API 1.51',
    remedy: `update BIOS and SEV firmware, check the RMP coverage in the BIOS, ${REBOOT}`,
    source: SEV_DEV_C,
    pattern: /SEV-SNP: (?:SNP_INIT(?:_EX)?|failed to INIT|failed to initialize)\b[^\n]{0,80}(?:failed|error|rc)/,
  },
  {
    id: 'kernel-sev-init',
    name: 'SEV: failed to INIT',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'the firmware could not be initialised',
    cause: 'an old boot loader of the secure processor, or firmware older than the kernel wants',
    remedy: `update BIOS and SEV firmware, ${REBOOT}`,
    source: `${SEV_DEV_C}; AMDESE/AMDSEV issues 81, 140, 176`,
    pattern: /SEV: failed to INIT error|failed to INIT error 0x[13]\b/,
  },
  {
    id: 'kernel-memory-encryption',
    name: 'SEV: memory encryption not enabled by BIOS',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'SEV is off: the BIOS does not enable memory encryption',
    cause: 'SMEE is disabled in the BIOS',
    remedy: `enable SMEE in the BIOS, ${REBOOT}`,
    source: SEV_DEV_C,
    pattern: /memory encryption not enabled by BIOS/,
  },
  {
    id: 'kernel-snp-unusable',
    name: 'SEV-SNP disabled or unusable',
    refusedBy: 'kernel',
    blames: 'machine',
    meaning: 'kvm_amd launches no SNP guests',
    cause: 'SNP could not be initialised, sev_snp=0, or the BIOS leaves SEV-ES and SNP no ASIDs',
    remedy: 'read the lines of ccp and SEV-SNP before it; raise "SEV-ES ASID space limit" in the BIOS above 1',
    source: 'Linux, arch/x86/kvm/svm/sev.c, sev_hardware_setup',
    pattern: /SEV-SNP (?:disabled|unusable)\b/,
  },
  {
    id: 'kernel-termination',
    name: 'SEV-ES guest requested termination',
    refusedBy: 'kernel',
    meaning: 'the guest asked to be terminated: it found that it cannot run',
    cause:
      'codes 0:0 general, 0:1 GHCB version, 0:2 or 1:x the firmware or kernel of the guest did not like what it was given: features that it does not know, CPUID page, page states',
    remedy: 'look at the console of the guest; take a guest kernel that knows the guest features that are set',
    source: 'Linux, arch/x86/kvm/svm/sev.c; arch/x86/include/asm/sev-common.h',
    pattern: /SEV-ES guest requested termination/,
  },
  {
    id: 'ovmf-hash-comparison',
    name: 'VerifyBlob: Hash comparison failed',
    refusedBy: 'ovmf',
    meaning: 'OVMF got another kernel, initrd or command line than was measured; it stops for good',
    cause: 'QEMU, or something before it, changed the file after its hash was taken',
    remedy: 'launch anew with files that do not change; compare their SHA-256 with those of the prediction',
    source: 'edk2, OvmfPkg/AmdSev/BlobVerifierLibSevHashes; AMDESE/qemu issue 10',
    pattern: /Hash comparison failed for/,
  },
  {
    id: 'ovmf-no-hashes',
    name: 'VerifyBlob: no hashes table discovered',
    refusedBy: 'ovmf',
    meaning: 'OVMF was given a kernel without its hashes, and does not boot it',
    cause: '-kernel without kernel-hashes=on',
    remedy: 'give kernel-hashes=on',
    source: 'edk2, OvmfPkg/AmdSev/BlobVerifierLibSevHashes',
    pattern: /Verifier called but no hashes table|Hash GUID \S{1,60} not found in table|Fetching blob failed/,
  },
  {
    id: 'libvirt-start',
    name: 'libvirt: internal error around a launch',
    refusedBy: 'libvirt',
    meaning: 'QEMU ended while libvirt started the guest',
    cause: 'any refusal of QEMU, KVM or the firmware; libvirt passes on the last line of QEMU',
    remedy: 'read /var/log/libvirt/qemu/NAME.log, and give it to `snp-conform why`',
    source: 'AMDESE/AMDSEV issue 253; apache/cloudstack issue 10009',
    pattern:
      /internal error: (?:QEMU unexpectedly closed the monitor|qemu unexpectedly closed|process exited while connecting to monitor)/i,
  },
];

/** What hosts, guest firmware and libvirt say in words. */
export const HOST_REFUSALS: readonly KnownRefusal[] = ROWS.map(({ pattern, blames, ...row }) => ({
  ...row,
  blames: blames ?? 'launch',
  recognition: { by: 'text', pattern },
}));
