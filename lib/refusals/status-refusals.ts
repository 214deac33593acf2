import { FIRMWARE_STATUS, NO_FW_CALL } from '../abi/firmware-status.ts';
import type { KnownRefusal } from './known-refusal.ts';

type StatusName = keyof typeof FIRMWARE_STATUS | 'NO_FW_CALL';

/** Whom a status blames, what it means, the likely cause, what to do. */
type StatusRow = readonly [blames: KnownRefusal['blames'], meaning: string, cause: string, remedy: string];

const DEFECT = 'a defect of the kernel, or of whatever stands in for it';
const REPORT = 'update kernel and firmware; if it stays, report it with the kernel log (`dmesg`)';
const RESTART = 'load the modules kvm_amd and ccp anew, or reboot the host';
const PAGES = 'unload guests that died badly; reboot the host, and report it with the kernel log';
const IO = 'it belongs to SEV-TIO, which a launch does not use';

/**
 * Every status of the firmware, wherever it occurs. What a status says at one step of a launch is in step-refusals.ts.
 * Source: AMD 56860, status codes; Linux, include/uapi/linux/psp-sev.h.
 */
const STATUS_ROWS = {
  SUCCESS: [
    'launch',
    'the firmware did what it was asked, or it was never asked: KVM leaves 0 where it refuses by itself',
    'beside a negative ret it is a refusal of KVM: the errno says which',
    'look at ret, and at the kernel log of the host',
  ],
  INVALID_PLATFORM_STATE: [
    'machine',
    'the platform is not in the state that the command needs: SNP is not initialised',
    'SNP_INIT failed when the module ccp was loaded, or the firmware was shut down since',
    `look for "SEV-SNP" in the kernel log; ${RESTART}`,
  ],
  INVALID_GUEST_STATE: [
    'launch',
    'the guest is not in the state that the command needs',
    'a command out of order: two starts, an update after finish, or an IMI guest without its IMI pages',
    'compare the order of commands in the QEMU trace (kvm_sev_*)',
  ],
  INVALID_CONFIG: [
    'machine',
    'the configuration of the platform is invalid',
    'SNP_CONFIG or the BIOS asks for something that this firmware does not do',
    'reset SNP_CONFIG (snphost config reset), and check the SEV options of the BIOS',
  ],
  INVALID_LENGTH: [
    'launch',
    'a buffer is too small, or a length is not that of the structure',
    'a buffer of the wrong length was handed over',
    'give structures their exact lengths: 96 bytes of ID block, 4096 of ID auth',
  ],
  ALREADY_OWNED: [
    'machine',
    'the platform is owned already',
    'the platform was initialised by another owner before',
    'reset the platform to its factory state, or use it as its owner',
  ],
  INVALID_CERTIFICATE: [
    'machine',
    'a certificate is invalid',
    'a certificate that was loaded into the platform does not verify, or is of another chip or TCB',
    'load the certificates of this chip and TCB anew',
  ],
  POLICY_FAILURE: [
    'launch',
    'the guest policy does not allow the command on this platform',
    'the policy asks for another firmware API, SMT off, one socket or a feature, or has reserved bits set',
    '`snp-conform policy 0x...` explains the policy and holds it against the host',
  ],
  INACTIVE: [
    'launch',
    'the guest is not active: it has no ASID',
    'a command of the launch came before the guest was activated, or after it was deactivated',
    REPORT,
  ],
  INVALID_ADDRESS: [
    'launch',
    'an address is not valid, not aligned, or not of memory that the firmware may use',
    DEFECT,
    REPORT,
  ],
  BAD_SIGNATURE: [
    'launch',
    'a signature does not hold, or a key is none that the firmware uses',
    'the ID block or the ID key was changed after it was signed, or was signed with another key',
    '`snp-conform id-block --check` says which signature or key it is, and why',
  ],
  BAD_MEASUREMENT: [
    'launch',
    'a measurement is not the one that was expected',
    'what was launched is not what was predicted',
    '`snp-conform predict --from-argv` predicts from the command line that was launched',
  ],
  ASID_OWNED: ['machine', 'the ASID is owned by another guest', DEFECT, PAGES],
  INVALID_ASID: [
    'machine',
    'the ASID is out of the range of this kind of guest',
    'the BIOS leaves no ASIDs for SEV-ES and SNP guests',
    'raise "SEV-ES ASID space limit" in the BIOS above 1',
  ],
  WBINVD_REQUIRED: ['machine', 'caches must be written back first (WBINVD)', DEFECT, REPORT],
  DFFLUSH_REQUIRED: ['machine', 'the data fabric must be flushed first (DF_FLUSH)', DEFECT, REPORT],
  INVALID_GUEST: ['launch', 'the guest handle, or the guest context page, is not valid', DEFECT, REPORT],
  INVALID_COMMAND: [
    'machine',
    'the firmware does not know the command',
    'the firmware is older than the kernel that asks it, or SNP is not there',
    'update the SEV firmware of the host',
  ],
  ACTIVE: ['launch', 'the guest is still active', 'a guest was taken apart before it was deactivated', REPORT],
  HWERROR_PLATFORM: [
    'machine',
    'the hardware has an error; the platform can go on',
    'a fault of the secure processor or of memory',
    'look for machine checks in the kernel log; reboot the host',
  ],
  HWERROR_UNSAFE: [
    'machine',
    'the hardware has an error; going on is not safe',
    'a fault of the secure processor or of memory',
    'take the host out of service, and power it off and on',
  ],
  UNSUPPORTED: [
    'machine',
    'the feature is not supported by this firmware or chip',
    'a command or a flag that came with a newer firmware or product line',
    'update the SEV firmware of the host, or do without the feature',
  ],
  INVALID_PARAM: [
    'launch',
    'a parameter is invalid: a reserved field is set, or a value is out of its range',
    'depends on the command; for a launch: the CPUID page at update, an algorithm of the ID auth at finish',
    'see the step at which it was said; `snp-conform id-block --check` looks at the ID auth',
  ],
  RESOURCE_LIMIT: [
    'machine',
    'a resource of the firmware has run out',
    'too many guests at once',
    'end guests, or give the host fewer slots',
  ],
  SECURE_DATA_INVALID: [
    'machine',
    "the firmware's own stored data failed its integrity check",
    'the SPI flash or the file of SEV_INIT_EX was changed or is of another chip',
    'reset the platform, or remove the file named by init_ex_path of the module ccp',
  ],
  INVALID_PAGE_SIZE: ['launch', 'a page has another size in the RMP than in the command', DEFECT, PAGES],
  INVALID_PAGE_STATE: ['launch', 'a page is not in the state that the command needs', DEFECT, PAGES],
  INVALID_MDATA_ENTRY: [
    'launch',
    'an entry of the page metadata is invalid',
    'a page swapped in is not the one that was swapped out',
    REPORT,
  ],
  INVALID_PAGE_OWNER: ['launch', 'a page belongs to another guest', DEFECT, PAGES],
  AEAD_OFLOW: [
    'launch',
    'the counter of guest messages ran out, or is not the expected one',
    'two users of one VMPCK in the guest, or a message that was sent twice',
    'restart the guest; have one driver alone speak to the firmware',
  ],
  EXIT_RING_BUFFER: ['machine', 'the firmware left the ring buffer mode', 'an error in the ring of commands', REPORT],
  RMP_INIT_REQUIRED: [
    'machine',
    'the RMP is not initialised',
    'SNP_INIT was not done, or the BIOS reserves no memory for the RMP',
    'enable "SNP Memory (RMP Table) Coverage" in the BIOS, then reboot',
  ],
  BAD_SVN: [
    'machine',
    'the security version of a firmware image is below the committed one',
    'a roll-back of the firmware',
    'load a firmware that is not older than the committed one',
  ],
  BAD_VERSION: [
    'machine',
    'the version of a firmware image, or of a structure, is not accepted',
    'a roll-back of the firmware, or a message version that it does not know',
    'load a newer firmware',
  ],
  SHUTDOWN_REQUIRED: [
    'machine',
    'the platform must be shut down first',
    'an update of the firmware while it is in use',
    RESTART,
  ],
  UPDATE_FAILED: [
    'machine',
    'an update of the firmware failed',
    'the image is not of this chip, or damaged',
    'update through the BIOS, then reboot',
  ],
  RESTORE_REQUIRED: [
    'machine',
    'the firmware must be restored',
    'an update broke off half-way',
    'reboot the host; update through the BIOS',
  ],
  RMP_INITIALIZATION_FAILED: [
    'machine',
    'the RMP could not be initialised',
    'the memory of the RMP does not cover all RAM, or is not reserved',
    'enable "SNP Memory (RMP Table) Coverage" in the BIOS, then reboot',
  ],
  INVALID_KEY: [
    'launch',
    'the key that was asked for cannot be used',
    'a VLEK was asked for and none is loaded, or the VCEK and it is disabled (vcek-disabled=on)',
    'ask for the other key, or load a VLEK on the host',
  ],
  SHUTDOWN_INCOMPLETE: [
    'machine',
    'the platform is not fully shut down',
    'IOMMU or processors still use SNP',
    'reboot the host',
  ],
  INCORRECT_BUFFER_LENGTH: ['launch', 'a buffer has the wrong length', IO, REPORT],
  EXPAND_BUFFER_LENGTH_REQUEST: ['launch', 'the firmware asks for a longer buffer', IO, REPORT],
  SPDM_REQUEST: ['launch', 'the firmware asks for an SPDM exchange', IO, REPORT],
  SPDM_ERROR: ['launch', 'an SPDM exchange failed', IO, REPORT],
  IN_DEV_CONN: ['launch', 'a device is being connected', IO, REPORT],
  INVALID_DEV_CTX: ['launch', 'the device context is invalid', IO, REPORT],
  INVALID_TDI_CTX: ['launch', 'the device interface context is invalid', IO, REPORT],
  INVALID_TDI: ['launch', 'the device interface is invalid', IO, REPORT],
  RECLAIM_REQUIRED: ['launch', 'pages must be reclaimed first', IO, REPORT],
  IN_USE: ['launch', 'the object is in use', IO, REPORT],
  NO_FW_CALL: [
    'launch',
    'the kernel never called the firmware',
    'KVM or the module ccp refused by itself; the errno says why',
    'look at ret, and at the kernel log of the host',
  ],
} as const satisfies Record<StatusName, StatusRow>;

function statusRefusal(name: StatusName): KnownRefusal {
  const [blames, meaning, cause, remedy] = STATUS_ROWS[name];
  const status = name === 'NO_FW_CALL' ? NO_FW_CALL : FIRMWARE_STATUS[name];
  const ofKernel = name === 'NO_FW_CALL' || name === 'SUCCESS';
  return {
    id: `status-${name.toLowerCase().replaceAll('_', '-')}`,
    name,
    refusedBy: ofKernel ? 'kvm' : 'firmware',
    blames,
    meaning,
    cause,
    remedy,
    source: 'AMD 56860, status codes; Linux, include/uapi/linux/psp-sev.h',
    recognition: { by: 'status', status },
  };
}

/** The rows of every status of the firmware, by number; that of the kernel, -1, last. */
export const STATUS_REFUSALS: readonly KnownRefusal[] = [
  ...(Object.keys(FIRMWARE_STATUS) as (keyof typeof FIRMWARE_STATUS)[]),
  'NO_FW_CALL' as const,
].map(statusRefusal);
