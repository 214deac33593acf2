import { z } from 'zod';

/** What is done to a machine that does not come back by itself. */
export const DESTRUCTIVE_ACTIONS = ['reboot', 'power-cycle', 'firmware-commit', 'tcb-config'] as const;
export type DestructiveAction = (typeof DESTRUCTIVE_ACTIONS)[number];

const hook = z.strictObject({
  /** here: on the machine of the harness, for example ipmitool. there: on the host, over SSH. */
  run: z.enum(['here', 'there']),
  argv: z.array(z.string().min(1)).min(1).max(64),
  /** Until the command has ended. */
  timeoutSeconds: z.int().min(1).max(3600).default(60),
  /** Until the host answers again. */
  backSeconds: z.int().min(1).max(7200).default(900),
});
export type PowerHook = z.output<typeof hook>;

/** How a host is rebooted and power-cycled. */
export const powerSchema = z.strictObject({ reboot: hook.optional(), cycle: hook.optional() });

/** What the owner of a host lets this tool do to it; the command line must ask for it as well. */
export const destructiveSchema = z.array(z.enum(DESTRUCTIVE_ACTIONS)).max(DESTRUCTIVE_ACTIONS.length);
