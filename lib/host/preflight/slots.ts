import type { HostFacts } from '../../evidence/host-facts.ts';
import type { HostFinding, HostReport } from '../../evidence/host-report.ts';

/** What QEMU, its firmware image and the host itself need beside the memory of guests. */
const OVERHEAD_MIB = 128;

/**
 * How many guests a host can run at once: not more than hosts.json says, than there are free ASIDs, and than its memory
 * holds. An emulated host has no ASIDs to run out of.
 * @param guestMiB memory of one guest
 */
export function usableSlots(
  configured: number,
  { platform, machine }: Pick<HostFacts, 'platform' | 'machine'>,
  guestMiB: number,
): HostReport['slots'] {
  const { snpAsids } = platform;
  const free = snpAsids === null ? undefined : Math.max(0, snpAsids.total - (snpAsids.used ?? 0));
  const fit =
    machine.memoryMiB === null ? undefined : Math.floor(machine.memoryMiB.available / (guestMiB + OVERHEAD_MIB));
  const bounds = [
    { slots: free, boundBy: 'asids', why: `${free} of ${snpAsids?.total} ASIDs for SNP guests are free` },
    {
      slots: fit,
      boundBy: 'memory',
      why: `${machine.memoryMiB?.available} MiB of memory hold ${fit} guests of ${guestMiB} MiB`,
    },
  ] as const;
  let usable: HostReport['slots'] = { configured, usable: configured, boundBy: null, why: null };
  for (const { slots, boundBy, why } of bounds) {
    if (slots !== undefined && slots < usable.usable) usable = { configured, usable: slots, boundBy, why };
  }
  return usable;
}

/** What there is to say of slots that a host cannot give. */
export function slotFindings(
  slots: HostReport['slots'],
  { machine }: Pick<HostFacts, 'machine'>,
  guestMiB: number,
): HostFinding[] {
  if (slots.boundBy === null) return [];
  const total = machine.memoryMiB?.total;
  if (total !== undefined && total < guestMiB + OVERHEAD_MIB) {
    const what = `its memory of ${total} MiB holds no guest of ${guestMiB} MiB`;
    return [{ level: 'cannot', code: null, what, fix: null }];
  }
  const what = `${slots.usable} of ${slots.configured} slots can be used: ${slots.why}`;
  const [code, fix] =
    slots.boundBy === 'memory'
      ? (['HOST_MEMORY', 'end what else runs there, or lower "slots"'] as const)
      : ([
          'HOST_ASIDS',
          'end guests that nobody needs, or lower "slots"; the BIOS sets the total (SEV-ES ASID space limit)',
        ] as const);
  return [{ level: slots.usable === 0 ? 'error' : 'warning', code, what, fix }];
}
