/** VM types of KVM_CREATE_VM. Source: Linux arch/x86/include/uapi/asm/kvm.h. */
export const VM_TYPE = { default: 0, sev: 2, sevEs: 3, snp: 4 } as const;

/**
 * What KVM_CHECK_EXTENSION answers, by capability number; 0 where not named. Read-only memory slots are absent, as they
 * are for SNP guests. Source: Linux include/uapi/linux/kvm.h, arch/x86/kvm/x86.c.
 */
export const CAPABILITIES: ReadonlyMap<number, number> = new Map([
  [0, 1], // IRQCHIP
  [3, 1], // USER_MEMORY
  [4, 1], // SET_TSS_ADDR
  [7, 1], // EXT_CPUID
  [9, 512], // NR_VCPUS
  [10, 32764], // NR_MEMSLOTS
  [14, 1], // MP_STATE
  [16, 1], // SYNC_MMU
  [21, 1], // DESTROY_MEMORY_REGION_WORKS
  [25, 4096], // IRQ_ROUTING
  [26, 1], // IRQ_INJECT_STATUS
  [30, 1], // JOIN_MEMORY_REGIONS_WORKS
  [31, 32], // MCE: banks
  [32, 1], // IRQFD
  [33, 1], // PIT2
  [34, 1], // SET_BOOT_CPU_ID
  [35, 1], // PIT_STATE2
  [36, 1], // IOEVENTFD
  [37, 1], // SET_IDENTITY_MAP_ADDR
  [39, 0xe], // ADJUST_CLOCK
  [40, 1], // INTERNAL_ERROR_DATA
  [41, 1], // VCPU_EVENTS
  [50, 1], // DEBUGREGS
  [51, 1], // X86_ROBUST_SINGLESTEP
  [54, 1], // ENABLE_CAP
  [55, 1], // XSAVE
  [56, 1], // XCRS
  [60, 1], // TSC_CONTROL
  [61, 1], // GET_TSC_KHZ
  [66, 4096], // MAX_VCPUS
  [72, 1], // TSC_DEADLINE_TIMER
  [77, 1], // SIGNAL_MSI
  [82, 1], // IRQFD_RESAMPLE
  [98, 1], // ENABLE_CAP_VM
  [100, 1], // IOEVENTFD_NO_LENGTH
  [105, 1], // CHECK_EXTENSION_VM
  [121, 1], // SPLIT_IRQCHIP
  [122, 1], // IOEVENTFD_ANY_LENGTH
  [128, 4096], // MAX_VCPU_ID
  [129, 3], // X2APIC_API
  [136, 1], // IMMEDIATE_EXIT
  [153, 1], // GET_MSR_FEATURES
  [164, 1], // EXCEPTION_PAYLOAD
  [200, 1], // SREGS2
  [201, 1 << 12], // EXIT_HYPERCALL: KVM_HC_MAP_GPA_RANGE
  [208, 4096], // XSAVE2: bytes
  [209, 1], // SYS_ATTRIBUTES
  [231, 1], // USER_MEMORY2
  [232, 1], // MEMORY_FAULT_INFO
  [233, 8], // MEMORY_ATTRIBUTES: PRIVATE
  [234, 1], // GUEST_MEMFD
  [235, (1 << VM_TYPE.default) | (1 << VM_TYPE.sev) | (1 << VM_TYPE.sevEs) | (1 << VM_TYPE.snp)], // VM_TYPES
]);

/** MSRs that KVM_GET_MSR_INDEX_LIST names: those that a QEMU EPYC guest has. Source: Linux arch/x86/kvm/x86.c. */
export const MSR_INDICES: readonly number[] = [
  0x10, // TSC
  0x3a, // FEAT_CTL
  0x3b, // TSC_ADJUST
  0x48, // SPEC_CTRL
  0x174,
  0x175,
  0x176, // SYSENTER_CS, ESP, EIP
  0x1a0, // MISC_ENABLE
  0x277, // PAT
  0x4b564d00,
  0x4b564d01,
  0x4b564d02,
  0x4b564d03,
  0x4b564d04, // KVM clock, async page faults, steal time, EOI
  0x6e0, // TSC_DEADLINE
  0xda0, // XSS
  0xc0000081,
  0xc0000082,
  0xc0000083,
  0xc0000084, // STAR, LSTAR, CSTAR, SYSCALL_MASK
  0xc0000102, // KERNEL_GS_BASE
  0xc0000103, // TSC_AUX
  0xc0010117, // VM_HSAVE_PA
  0xc0010015, // HWCR
];

/** Feature MSRs that KVM_GET_MSR_FEATURE_INDEX_LIST names. */
export const MSR_FEATURE_INDICES: readonly number[] = [
  0x8b, // UCODE_REV
  0xc0011029, // DE_CFG
];
