import { randomInt } from 'node:crypto';
import { HarnessError } from '../errors.ts';
import type { Session } from './session.ts';

/** Below the ports that Linux gives to clients. Source: Linux Documentation/networking/ip-sysctl.rst, ip_local_port_range. */
const FIRST = 20_000;
const LAST = 32_000;
const TABLE_BYTES = 4 * 1024 * 1024;
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];
const TRIES = 1000;

/** The local ports in a table of the kernel. Source: Linux Documentation/networking/proc_net_tcp.rst. */
export function portsInUse(table: string): Set<number> {
  const rows = table.matchAll(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /gm);
  return new Set([...rows].map(([, port = '0']) => Number.parseInt(port, 16)));
}

/**
 * A TCP port of the host that nobody uses now; two launches that look at the same moment get the same one seldom enough.
 * @param random a number from first to below last; for tests   @throws HarnessError HOST_COMMAND, SSH_*
 */
export async function freePort(session: Session, random: typeof randomInt = randomInt): Promise<number> {
  const tables = await Promise.all(TABLES.map((path) => session.readFile(path, TABLE_BYTES)));
  const used = new Set(tables.flatMap((bytes) => [...portsInUse(Buffer.from(bytes ?? []).toString('latin1'))]));
  for (let count = 0; count < TRIES; count += 1) {
    const port = random(FIRST, LAST);
    if (!used.has(port)) return port;
  }
  throw new HarnessError({
    code: 'HOST_COMMAND',
    what: `no free TCP port from ${FIRST} to ${LAST}`,
    where: `host ${session.name}`,
  });
}
