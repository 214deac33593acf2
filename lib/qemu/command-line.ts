/** All that QEMU's command line is made of; paths are paths on the host. */
export interface QemuLaunch {
  binary: string;
  /** The launch directory: sockets, logs and nothing else. */
  directory: string;
  firmware: string;
  kernel: string | null;
  initrd: string | null;
  /** Exactly as -append gets it; null: none given. */
  append: string | null;
  vcpus: number;
  vcpuType: string;
  guestPolicy: bigint;
  /** The position of the C-bit on this host, CPUID 0x8000001F EBX[5:0]. */
  cbitpos: number;
  /** Base64 as QEMU takes it; null: none is given. */
  idBlock: string | null;
  idAuth: string | null;
  authorKeyEnabled: boolean;
  /** 32 bytes, base64. */
  hostData: string;
  memoryMiB: number;
  /** More arguments, after all others: devices through which the guest is reached. */
  guestArguments: readonly string[];
}

/** The files of a launch directory. A Unix socket's path may have 107 bytes: keep the names short. */
export const LAUNCH_FILES = {
  qmp: 'qmp',
  agent: 'agent',
  trace: 'trace.log',
  firmware: 'fw',
} as const;

/** Joins key=value pairs as QEMU's option syntax wants it: a comma in a value is doubled. */
function options(head: string, pairs: Record<string, string | number | undefined>): string {
  const rows = Object.entries(pairs).filter(([, value]) => value !== undefined);
  return [head, ...rows.map(([key, value]) => `${key}=${String(value).replaceAll(',', ',,')}`)].join(',');
}

function sevObject(launch: QemuLaunch): string {
  return options('sev-snp-guest', {
    id: 'sev0',
    cbitpos: launch.cbitpos,
    'reduced-phys-bits': 1,
    policy: `0x${launch.guestPolicy.toString(16)}`,
    'kernel-hashes': launch.kernel === null ? 'off' : 'on',
    'host-data': launch.hostData,
    'id-block': launch.idBlock ?? undefined,
    'id-auth': launch.idAuth ?? undefined,
    'author-key-enabled': launch.authorKeyEnabled ? 'on' : undefined,
  });
}

/**
 * The argv of one launch. The guest is created stopped (-S), so that QMP and the agent's serial port are connected before
 * anything is measured; SNP_LAUNCH_UPDATE and _FINISH happen at `cont`.
 * Source: QEMU docs/system/i386/amd-memory-encryption.rst
 */
export function qemuArgv(launch: QemuLaunch): string[] {
  const file = (name: keyof typeof LAUNCH_FILES): string => `${launch.directory}/${LAUNCH_FILES[name]}`;
  const socket = (id: string, path: string): string => options('socket', { id, path, server: 'on', wait: 'off' });
  const machine = { 'confidential-guest-support': 'sev0', 'memory-backend': 'ram0', vmport: 'off' };
  const memory = { id: 'ram0', size: `${launch.memoryMiB}M`, share: 'true', prealloc: 'false', reserve: 'false' };
  return [
    launch.binary,
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-S'],
    ...['-accel', 'kvm', '-machine', options('q35', machine)],
    ...['-cpu', launch.vcpuType, '-smp', String(launch.vcpus), '-m', `${launch.memoryMiB}M`],
    ...['-object', options('memory-backend-memfd', memory)],
    ...['-object', sevObject(launch)],
    ...['-bios', launch.firmware],
    ...(launch.kernel === null ? [] : ['-kernel', launch.kernel]),
    ...(launch.initrd === null ? [] : ['-initrd', launch.initrd]),
    ...(launch.append === null ? [] : ['-append', launch.append]),
    ...['-chardev', socket('qmp', file('qmp')), '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', options('file', { id: 'console', path: '/dev/stdout' }), '-serial', 'chardev:console'],
    ...['-chardev', socket('agent', file('agent')), '-serial', 'chardev:agent'],
    ...['-trace', 'kvm_sev_*', '-D', file('trace')],
    ...launch.guestArguments,
  ];
}
