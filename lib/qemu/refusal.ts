import type { Refusal } from '../evidence/schema.ts';

const MAX_LINE_CHARACTERS = 1000;
const REFUSAL = /SNP_LAUNCH_(START|UPDATE|FINISH) ret=(-?\d{1,10}) fw_error=(-?\d{1,10}) '([^']*)'/;

const COMMANDS = {
  START: 'SNP_LAUNCH_START',
  UPDATE: 'SNP_LAUNCH_UPDATE',
  FINISH: 'SNP_LAUNCH_FINISH',
} as const satisfies Record<string, Refusal['command']>;

/**
 * The first refusal of the firmware or of KVM in what QEMU wrote to its standard error; undefined where there is none.
 * Upstream QEMU writes the name of its function before START alone, the trees of AMDESE before all three.
 */
export function findRefusal(stderr: string): Refusal | undefined {
  for (const whole of stderr.split('\n')) {
    const line = whole.trimEnd().slice(0, MAX_LINE_CHARACTERS);
    const [, command, ret, fwError, text] = REFUSAL.exec(line) ?? [];
    if (command === undefined || ret === undefined || fwError === undefined || text === undefined) continue;
    return {
      command: COMMANDS[command as keyof typeof COMMANDS],
      ret: Number(ret),
      fwError: Number(fwError),
      text,
      line,
    };
  }
  return undefined;
}
