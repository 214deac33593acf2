import { type FirmwareStatus, firmwareStatusName } from '../abi/firmware-status.ts';

/** Commands of the firmware whose status a fault can replace. */
export const FIRMWARE_COMMANDS = [
  'SEV_PLATFORM_STATUS',
  'SNP_LAUNCH_START',
  'SNP_ACTIVATE',
  'SNP_LAUNCH_UPDATE',
  'SNP_LAUNCH_FINISH',
  'SNP_GUEST_REQUEST',
] as const;
export type FirmwareCommand = (typeof FIRMWARE_COMMANDS)[number];

/** Requests that a fault can make KVM refuse on its own. */
export const KVM_COMMANDS = [
  'KVM_CREATE_VM',
  'KVM_SEV_INIT2',
  'KVM_SEV_SNP_LAUNCH_START',
  'KVM_SEV_SNP_LAUNCH_UPDATE',
  'KVM_SEV_SNP_LAUNCH_FINISH',
] as const;
export type KvmCommand = (typeof KVM_COMMANDS)[number];

/** A defect of the firmware: another status than its own. Calls are counted from 1 in each QEMU process. */
export interface FirmwareFault {
  command: FirmwareCommand;
  /** What the firmware says. SUCCESS: the command is carried out unchecked. */
  status: number;
  /** Only where its own status is this one. */
  insteadOf?: number | undefined;
  /** Only this call; absent: every call. */
  nth?: number | undefined;
}

/** A request that KVM refuses without asking the firmware. */
export interface KvmFault {
  command: KvmCommand;
  errno: number;
  /** What KVM leaves where the firmware's status goes; absent: nothing. */
  status?: number | undefined;
  nth?: number | undefined;
}

/** One planted defect of an emulated host. Of two that match a call the first counts. */
export type Fault = FirmwareFault | KvmFault;

const isKvmFault = (fault: Fault): fault is KvmFault => 'errno' in fault;

/** A planted defect in words, for provenance: `SNP_LAUNCH_FINISH: BAD_SIGNATURE instead of POLICY_FAILURE, call 2`. */
export function describeFault(fault: Fault): string {
  const said = isKvmFault(fault)
    ? [`errno ${fault.errno}`, ...(fault.status === undefined ? [] : [`status ${firmwareStatusName(fault.status)}`])]
    : [
        firmwareStatusName(fault.status) +
          (fault.insteadOf === undefined ? '' : ` instead of ${firmwareStatusName(fault.insteadOf)}`),
      ];
  return `${fault.command}: ${[...said, ...(fault.nth === undefined ? [] : [`call ${fault.nth}`])].join(', ')}`;
}

/** Turns the status that a command would have into the one that it has. */
export type Answer = (own: FirmwareStatus) => number;

/** The answer of a firmware without defects. */
export const honest: Answer = (own) => own;

/** The planted defects of one QEMU process, and how often each command was called. */
export class FaultTable {
  readonly #firmware: readonly FirmwareFault[];
  readonly #kvm: readonly KvmFault[];
  readonly #calls = new Map<Fault['command'], number>();

  constructor(faults: readonly Fault[] = []) {
    this.#kvm = faults.filter(isKvmFault);
    this.#firmware = faults.filter((fault) => !isKvmFault(fault));
  }

  #count(command: Fault['command']): number {
    const call = (this.#calls.get(command) ?? 0) + 1;
    this.#calls.set(command, call);
    return call;
  }

  /** To be asked once a call of a firmware command. */
  answer(command: FirmwareCommand): Answer {
    const call = this.#count(command);
    const mine = this.#firmware.filter((fault) => fault.command === command && (fault.nth ?? call) === call);
    return (own) => mine.find((fault) => (fault.insteadOf ?? own) === own)?.status ?? own;
  }

  /** To be asked once a request to KVM. @returns what it fails with; undefined where it takes its course */
  refusal(command: KvmCommand): KvmFault | undefined {
    const call = this.#count(command);
    return this.#kvm.find((fault) => fault.command === command && (fault.nth ?? call) === call);
  }
}
