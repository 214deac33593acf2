import { NO_FW_CALL } from '../abi/firmware-status.ts';
import { mostSimilar } from '../similar.ts';
import type { KnownRefusal, LaunchStep } from './known-refusal.ts';
import { ERRNO } from './kvm-refusals.ts';
import { REFUSALS } from './refusals.ts';
import { asName, STATUS_BY_NAME } from './status-names.ts';

/** The numbers of a refusal, as a line tells them; null: it does not. */
export interface RefusalNumbers {
  step: LaunchStep | null;
  /** -errno of the ioctl. */
  ret: number | null;
  /** The status of the firmware; 0 and -1 where it was not asked. */
  status: number | null;
}

/** What is known of a text: the refusals that it tells of, the most telling first, and what of it is not in the table. */
export interface Recognised {
  refusals: readonly KnownRefusal[];
  /** `status 0x63`, `errno 7`; null: all is known. */
  unknown: string | null;
}

/** Longer lines are looked at no further. */
const LINE_CHARACTERS_MAX = 4000;

const STEP = /\bSNP_LAUNCH_(START|UPDATE|FINISH)\b|(?<![A-Z_])LAUNCH_(START|UPDATE|FINISH)\b/;
const INIT = /sev_(?:common_)?kvm_init: failed to initialize|\bKVM_SEV_INIT2?\b/;
const NUMBER = '(-?(?:0x[0-9a-f]{1,8}|[0-9]{1,10}))';
const RET = new RegExp(`\\b(?:ret|rc)[=: ]{1,3}${NUMBER}\\b`, 'i');
const FW_ERROR = new RegExp(`\\b(?:fw_err(?:or)?|fw|firmware error)[=: ]{1,3}'?${NUMBER}\\b`, 'i');
/** The kernel's own way, in a line that is about SEV: `SEV-SNP: SNP_INIT_EX failed rc -5, error 0x1`. */
const KERNEL_ERROR = new RegExp(`\\bSEV(?:-SNP)?: [^\\n]{0,120}\\berror[=: ]{1,3}${NUMBER}\\b`, 'i');

function numberIn(line: string, pattern: RegExp): number | null {
  const text = pattern.exec(line)?.[1];
  if (text === undefined) return null;
  if (text.startsWith('-')) return -Number(text.slice(1));
  // -1 is also written as the unsigned number that it is in 32 bits.
  return Number(text) === 0xffff_ffff ? -1 : Number(text);
}

/** The numbers of a refusal in a line; null where it has neither status nor errno. */
export function refusalNumbers(whole: string): RefusalNumbers | null {
  const line = whole.slice(0, LINE_CHARACTERS_MAX);
  const named = STEP.exec(line);
  const step = (named?.[1] ?? named?.[2] ?? (INIT.test(line) ? 'INIT' : null)) as LaunchStep | null;
  const status = numberIn(line, FW_ERROR) ?? numberIn(line, KERNEL_ERROR);
  const ret = numberIn(line, RET);
  // A return value alone is in too many lines that have nothing to do with it.
  if (status === null && (ret === null || step === null)) return null;
  return { step, ret, status };
}

/** The row of a status at this step; where there is none, that of the status alone. */
function ofStatus(status: number, step: LaunchStep | null): KnownRefusal[] {
  const atStep = REFUSALS.filter(
    ({ recognition: by }) => by.by === 'step-status' && by.step === step && by.status === status,
  );
  if (atStep.length > 0) return atStep;
  return REFUSALS.filter(({ recognition: by }) => by.by === 'status' && by.status === status);
}

function ofErrno(errno: number, step: LaunchStep | null): KnownRefusal[] {
  const rows = REFUSALS.filter(({ recognition: by }) => by.by === 'errno' && by.errno === errno);
  const atStep = rows.filter(({ recognition: by }) => by.by === 'errno' && by.step !== undefined && by.step === step);
  return atStep.length > 0 ? atStep : rows.filter(({ recognition: by }) => by.by === 'errno' && by.step === undefined);
}

/**
 * What numbers tell. A status of 0 or -1 beside a negative ret is a refusal of KVM, which did not ask the firmware.
 * Source: Linux, arch/x86/kvm/svm/sev.c; include/uapi/linux/psp-sev.h
 */
export function recogniseNumbers({ step, ret, status }: RefusalNumbers): Recognised {
  const asked = status !== null && status !== 0 && status !== NO_FW_CALL;
  if (asked) {
    const refusals = ofStatus(status, step);
    return { refusals, unknown: refusals.length > 0 ? null : `status 0x${(status >>> 0).toString(16)}` };
  }
  if (ret !== null && ret < 0) {
    const refusals = ofErrno(-ret, step);
    if (refusals.length > 0) return { refusals, unknown: null };
    return { refusals: ofStatus(status ?? NO_FW_CALL, step), unknown: `errno ${-ret}` };
  }
  return { refusals: status === null ? [] : ofStatus(status, step), unknown: null };
}

/** What a line of a log tells: its numbers, and words that are known. null: nothing. */
export function recogniseLine(whole: string): Recognised | null {
  const line = whole.slice(0, LINE_CHARACTERS_MAX);
  const numbers = refusalNumbers(line);
  const byNumbers = numbers === null ? null : recogniseNumbers(numbers);
  const byText = REFUSALS.filter(({ recognition: by }) => by.by === 'text' && by.pattern.test(line));
  if (byNumbers === null && byText.length === 0) return null;
  return { refusals: [...(byNumbers?.refusals ?? []), ...byText], unknown: byNumbers?.unknown ?? null };
}

/** Every row of a status: at each step of a launch, then alone. */
function everywhere(status: number): KnownRefusal[] {
  return REFUSALS.filter(({ recognition: by }) => 'status' in by && by.status === status);
}

function everyErrno(errno: number): KnownRefusal[] {
  return REFUSALS.filter(({ recognition: by }) => by.by === 'errno' && by.errno === errno);
}

/**
 * What a code or name tells that stands alone: `11`, `0xb`, `-22`, `POLICY_FAILURE`, `SEV_RET_INVALID_LEN`, `Bad
 * measurement`, `EINVAL`, `finish-policy`. -1 is both EPERM and the kernel's word for "the firmware was not called".
 * null: nothing is known.
 */
export function recogniseCode(text: string): Recognised | null {
  const code = text.trim();
  const number = /^-?(?:0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(code)
    ? numberIn(code, new RegExp(`^${NUMBER}$`, 'i'))
    : null;
  const found = (refusals: KnownRefusal[]): Recognised | null =>
    refusals.length > 0 ? { refusals, unknown: null } : null;
  if (number !== null) {
    return found([...everywhere(number), ...(number < 0 ? everyErrno(-number) : [])]);
  }
  const name = asName(code);
  const status = STATUS_BY_NAME.get(name);
  if (status !== undefined) return found(everywhere(status));
  const errno = Object.entries(ERRNO).find(([known]) => known === name)?.[1];
  if (errno !== undefined) return found(everyErrno(errno));
  return found(REFUSALS.filter(({ id }) => id === code.toLowerCase()));
}

/** The known name that is most like an unknown one; undefined where none is. */
export function similarCode(text: string): string | undefined {
  return mostSimilar(asName(text), [...STATUS_BY_NAME.keys(), ...Object.keys(ERRNO)]);
}
