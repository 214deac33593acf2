/** How a Linux ioctl number is made. Source: Linux include/uapi/asm-generic/ioctl.h. */
const make = (direction: number, number: number, bytes: number, type = 0xae): number =>
  ((direction << 30) | (bytes << 16) | (type << 8) | number) >>> 0;
const io = (number: number): number => make(0, number, 0);
const iow = (number: number, bytes: number): number => make(1, number, bytes);
const ior = (number: number, bytes: number): number => make(2, number, bytes);
const iowr = (number: number, bytes: number): number => make(3, number, bytes);

/** KVM's ioctls on x86-64 that QEMU makes for an SNP guest. Source: Linux include/uapi/linux/kvm.h. */
export const KVM = {
  GET_API_VERSION: io(0x00),
  CREATE_VM: io(0x01),
  GET_MSR_INDEX_LIST: iowr(0x02, 4),
  CHECK_EXTENSION: io(0x03),
  GET_VCPU_MMAP_SIZE: io(0x04),
  GET_SUPPORTED_CPUID: iowr(0x05, 8),
  GET_MSR_FEATURE_INDEX_LIST: iowr(0x0a, 4),
  CREATE_VCPU: io(0x41),
  SET_TSS_ADDR: io(0x47),
  SET_IDENTITY_MAP_ADDR: iow(0x48, 8),
  SET_USER_MEMORY_REGION: iow(0x46, 32),
  SET_USER_MEMORY_REGION2: iow(0x49, 160),
  CREATE_IRQCHIP: io(0x60),
  IRQ_LINE: iow(0x61, 8),
  GET_IRQCHIP: iowr(0x62, 520),
  SET_IRQCHIP: ior(0x63, 520),
  IRQ_LINE_STATUS: iowr(0x67, 8),
  REGISTER_COALESCED_MMIO: iow(0x67, 16),
  UNREGISTER_COALESCED_MMIO: iow(0x68, 16),
  SET_GSI_ROUTING: iow(0x6a, 8),
  REINJECT_CONTROL: io(0x71),
  IRQFD: iow(0x76, 32),
  CREATE_PIT2: iow(0x77, 64),
  IOEVENTFD: iow(0x79, 64),
  SET_CLOCK: iow(0x7b, 48),
  GET_CLOCK: ior(0x7c, 48),
  RUN: io(0x80),
  GET_REGS: ior(0x81, 144),
  SET_REGS: iow(0x82, 144),
  GET_SREGS: ior(0x83, 312),
  SET_SREGS: iow(0x84, 312),
  GET_MSRS: iowr(0x88, 8),
  SET_MSRS: iow(0x89, 8),
  GET_FPU: ior(0x8c, 416),
  SET_FPU: iow(0x8d, 416),
  GET_LAPIC: ior(0x8e, 1024),
  SET_LAPIC: iow(0x8f, 1024),
  SET_CPUID2: iow(0x90, 8),
  GET_CPUID2: iowr(0x91, 8),
  TPR_ACCESS_REPORTING: iowr(0x92, 40),
  SET_VAPIC_ADDR: iow(0x93, 8),
  GET_MP_STATE: ior(0x98, 4),
  SET_MP_STATE: iow(0x99, 4),
  X86_SETUP_MCE: iow(0x9c, 8),
  X86_GET_MCE_CAP_SUPPORTED: ior(0x9d, 8),
  GET_PIT2: ior(0x9f, 112),
  SET_PIT2: iow(0xa0, 112),
  GET_VCPU_EVENTS: ior(0x9f, 64),
  SET_VCPU_EVENTS: iow(0xa0, 64),
  GET_DEBUGREGS: ior(0xa1, 128),
  SET_DEBUGREGS: iow(0xa2, 128),
  SET_TSC_KHZ: io(0xa2),
  ENABLE_CAP: iow(0xa3, 104),
  GET_TSC_KHZ: io(0xa3),
  GET_XSAVE: ior(0xa4, 4096),
  SET_XSAVE: iow(0xa5, 4096),
  SIGNAL_MSI: iow(0xa5, 32),
  GET_XCRS: ior(0xa6, 392),
  SET_XCRS: iow(0xa7, 392),
  KVMCLOCK_CTRL: io(0xad),
  MEMORY_ENCRYPT_OP: iowr(0xba, 8),
  MEMORY_ENCRYPT_REG_REGION: ior(0xbb, 16),
  MEMORY_ENCRYPT_UNREG_REGION: ior(0xbc, 16),
  GET_SREGS2: ior(0xcc, 320),
  SET_SREGS2: iow(0xcd, 320),
  GET_XSAVE2: ior(0xcf, 4096),
  SET_MEMORY_ATTRIBUTES: iow(0xd2, 32),
  CREATE_GUEST_MEMFD: iowr(0xd4, 64),
  CREATE_DEVICE: iowr(0xe0, 12),
  SET_DEVICE_ATTR: iow(0xe1, 24),
  GET_DEVICE_ATTR: iow(0xe2, 24),
  HAS_DEVICE_ATTR: iow(0xe3, 24),
} as const;

/** The platform ioctl of /dev/sev. Source: Linux include/uapi/linux/psp-sev.h. */
export const SEV_ISSUE_CMD = make(3, 0x0, 16, 0x53);

const NAMES = new Map<number, string>(Object.entries(KVM).map(([name, request]) => [request, `KVM_${name}`]));

/** The name of a request, for messages. */
export function ioctlName(request: number): string {
  return NAMES.get(request) ?? (request === SEV_ISSUE_CMD ? 'SEV_ISSUE_CMD' : `ioctl 0x${request.toString(16)}`);
}
