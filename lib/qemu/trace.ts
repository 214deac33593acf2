import type { TraceEvent } from '../evidence/schema.ts';

const MAX_EVENTS = 4096;
const MAX_OTHER_CHARACTERS = 400;

/** With `-msg timestamp=on` QEMU puts its process id and the time before the name of the event. */
const LINE = /^(?:\d+@\d+\.\d+:)?((?:kvm_sev_|kvm_hc_|sev_|igvm_)\w*) ?(.*)$/;
const HEX = '(0x[0-9a-fA-F]{1,16})';
const POLICY = new RegExp(`^policy ${HEX}(?: gosvw .*)?$`);
/** `src 0x..` upstream, `addr 0x..` in the trees of AMDESE. */
const UPDATE = new RegExp(`^(?:src|addr) 0x[0-9a-fA-F]+ gpa ${HEX} len ${HEX} \\((\\w+) page\\)$`);
const STATE = /^([\w-]+) -> ([\w-]+)$/;

/**
 * Reads the log of `-trace 'kvm_sev_*' -D file`, of upstream QEMU 10.0 to 11.1 and of the AMDESE trees since 2022. A line
 * of an event that is not of a known form is kept as text; other lines of the log are not of the trace, and an unfinished
 * last line is dropped. QEMU traces one ioctl a line: a range that took several appears again with what was left of it.
 * @returns at most 4096 events, oldest first
 */
export function parseTrace(log: string): TraceEvent[] {
  const end = log.lastIndexOf('\n');
  const events: TraceEvent[] = [];
  for (const line of end < 0 ? [] : log.slice(0, end).split('\n')) {
    const [, name, rest = ''] = LINE.exec(line.trimEnd()) ?? [];
    if (name === undefined) continue;
    if (events.length === MAX_EVENTS) break;
    events.push(parseEvent(name, rest) ?? { event: 'other', text: line.trimEnd().slice(0, MAX_OTHER_CHARACTERS) });
  }
  return events;
}

function parseEvent(name: string, rest: string): TraceEvent | undefined {
  switch (name) {
    case 'kvm_sev_init':
      return { event: 'init' };
    case 'kvm_sev_snp_launch_finish':
      return { event: 'launch_finish' };
    case 'kvm_sev_snp_launch_start': {
      const policy = POLICY.exec(rest)?.[1];
      return policy === undefined ? undefined : { event: 'launch_start', policy: canonical(policy) };
    }
    case 'kvm_sev_change_state': {
      const [, from, to] = STATE.exec(rest) ?? [];
      return from === undefined || to === undefined ? undefined : { event: 'change_state', from, to };
    }
    case 'kvm_sev_snp_launch_update': {
      const [, gpa, length, pageType] = UPDATE.exec(rest) ?? [];
      if (gpa === undefined || length === undefined || pageType === undefined) return undefined;
      const bytes = Number(BigInt(length));
      if (bytes < 1 || !Number.isSafeInteger(bytes)) return undefined;
      return { event: 'launch_update', gpa: canonical(gpa), bytes, pageType };
    }
    default:
      return undefined;
  }
}

/** Lower case, no leading zeros. */
function canonical(hex: string): string {
  return `0x${BigInt(hex).toString(16)}`;
}
