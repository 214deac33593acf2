import { FIRMWARE_STATUS } from '../abi/firmware-status.ts';
import type { KnownRefusal, LaunchStep, RefusalText } from './known-refusal.ts';

const { BAD_MEASUREMENT, POLICY_FAILURE, BAD_SIGNATURE, INVALID_PARAM, INVALID_GUEST_STATE } = FIRMWARE_STATUS;
const { INVALID_PAGE_STATE, INVALID_PAGE_OWNER, INVALID_PAGE_SIZE } = FIRMWARE_STATUS;

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
      '`snp-conform explain` names the input: `--observed` with the measurement of a launch without the ID block, or `--from-argv` with the command line that was refused',
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

/** What the firmware says at one step of a launch. */
export const STEP_REFUSALS: readonly KnownRefusal[] = STEP_ROWS.map(
  ({ step, status, ...text }): KnownRefusal => ({
    ...text,
    refusedBy: 'firmware',
    blames: 'launch',
    source: `AMD 56860, SNP_LAUNCH_${step}`,
    recognition: { by: 'step-status', step, status },
  }),
);
