import type { Refusal } from '../evidence/schema.ts';
import { ERRNO } from '../refusals/kvm-refusals.ts';
import { QEMU_STATUS_WORDS } from '../refusals/status-names.ts';

/** A refusal as it must be seen: who says no, at which command, with which numbers. */
export interface ExpectedRefusal {
  by: 'firmware' | 'kvm';
  command: Refusal['command'];
  /** -errno of the ioctl. */
  ret: number;
  /** Status of the firmware; 0 where it is not asked. */
  fwError: number;
  /** What QEMU prints for it, the name of its program and function aside. */
  line: string;
}

/** What must come of a launch on a host. */
export type Expectation =
  | { outcome: 'accepted' }
  | { outcome: 'refused'; refusal: ExpectedRefusal; why: string }
  /** The suite that describes the launch says itself what must come of it. */
  | { outcome: 'open' }
  /** What is known of the host does not tell; so nothing is launched. */
  | { outcome: 'unknown'; why: string };

function lineOf(command: Refusal['command'], ret: number, fwError: number): string {
  const words = fwError === 0 ? '' : (QEMU_STATUS_WORDS[fwError] ?? 'unknown error');
  return `${command} ret=${ret} fw_error=${fwError} '${words}'`;
}

/** A refusal of the firmware, which KVM tells as EIO. Source: Linux, arch/x86/kvm/svm/sev.c; QEMU, target/i386/sev.c */
export function refusedByFirmware(command: Refusal['command'], status: number): ExpectedRefusal {
  const ret = -ERRNO.EIO;
  return { by: 'firmware', command, ret, fwError: status, line: lineOf(command, ret, status) };
}

/** A refusal of KVM, which does not ask the firmware. @param errno positive */
export function refusedByKvm(command: Refusal['command'], errno: number): ExpectedRefusal {
  return { by: 'kvm', command, ret: -errno, fwError: 0, line: lineOf(command, -errno, 0) };
}

/** An expectation in one line, for people. */
export function describeExpectation(expectation: Expectation): string {
  switch (expectation.outcome) {
    case 'accepted':
      return 'accepted, and the guest runs';
    case 'refused': {
      const { by, line } = expectation.refusal;
      return `refused by ${by === 'kvm' ? 'KVM' : 'the firmware'}: ${line}`;
    }
    case 'open':
      return 'what the suite says';
    default:
      return `not known: ${expectation.why}`;
  }
}
