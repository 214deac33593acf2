import { z } from 'zod';

const seconds = (max: number) => z.int().min(1).max(max);

/** How long the harness waits for a host, and how often it tries; every field has a default. */
export const limitsSchema = z.strictObject({
  /** Until a connection is up and the user is let in. */
  connectSeconds: seconds(600).optional(),
  /** For one answer of the server or of QEMU, and for a command that has no deadline of its own. */
  answerSeconds: seconds(3600).optional(),
  /** A silent server is asked this often; after three unanswered questions the connection is lost. */
  keepaliveSeconds: seconds(600).optional(),
  /** The host ends a guest when it has not heard from the harness for so long. */
  heartbeatSeconds: seconds(600).optional(),
  /** From the launch to the guest's report. */
  guestSeconds: seconds(3600).optional(),
  /** For a free slot. */
  slotWaitSeconds: seconds(86_400).optional(),
  /** Of a cell on one host, when the lab fails. */
  attempts: z.int().min(1).max(10).optional(),
  /** Before the second attempt; twice as long before each further one. */
  backoffSeconds: z.number().min(0).max(600).optional(),
  /** So many failures of the lab in a row set a host aside for the rest of the run. */
  failuresInARow: z.int().min(1).max(1000).optional(),
});

/** The limits of one host, filled in. */
export type Limits = { [L in keyof z.output<typeof limitsSchema>]-?: NonNullable<z.output<typeof limitsSchema>[L]> };

/** What holds where hosts.json says nothing. */
const DEFAULT_LIMITS: Limits = {
  connectSeconds: 10,
  answerSeconds: 60,
  keepaliveSeconds: 5,
  heartbeatSeconds: 12,
  guestSeconds: 180,
  slotWaitSeconds: 1800,
  attempts: 3,
  backoffSeconds: 2,
  failuresInARow: 5,
};

/** The limits that a host entry sets, and the defaults for the others. */
export function limitsOf(entry: { limits?: z.output<typeof limitsSchema> | undefined }): Limits {
  const given = Object.entries(entry.limits ?? {}).filter(([, value]) => value !== undefined);
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(given) };
}
