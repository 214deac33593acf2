import { spawnSync } from 'node:child_process';

/** A network, a mount, and a cable in them: what machines of the test lab are made of. */
const PROBE = 'mount -t tmpfs tmpfs /mnt && ip link add probe0 type veth peer name probe1';

let known: boolean | undefined;

/** May this process make machines with networks, disks and roots of their own? Root may, but for most containers. */
export function mayMakeMachines(): boolean {
  known ??= spawnSync('unshare', ['--mount', '--net', 'sh', '-c', PROBE], { stdio: 'ignore' }).status === 0;
  return known;
}
