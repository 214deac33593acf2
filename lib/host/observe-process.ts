import { posix } from 'node:path';
import { HarnessError } from '../errors.ts';
import type { HostFile, LiveProcess } from '../evidence/schema.ts';
import { writeFirmwareDescriptor } from '../evidence/written-descriptor.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import { readArgv } from '../qemu/argv-file.ts';
import { parseLaunch } from '../qemu/launch-options.ts';
import type { LaunchRequest } from './host.ts';
import type { Session } from './session.ts';

/** Hashing an initrd of a gigabyte on a slow disk. */
const HASH_MS = 300_000;

/**
 * Finds QEMU in a session of processes: what was started may be a wrapper of it. Prints its id, and its command line as
 * base64, for its words may hold anything. Source: proc_pid_stat(5), field 6 is the session.
 */
const FIND_QEMU = `
found=$1
for stat in /proc/[0-9]*/stat; do
  IFS= read -r line <"$stat" || continue
  p=\${stat#/proc/}
  p=\${p%/stat}
  set -- "$1" \${line##*) }
  [ "$5" = "$1" ] || continue
  exe=$(readlink "/proc/$p/exe") || continue
  case \${exe##*/} in *qemu*) found=$p ;; esac
done 2>/dev/null
echo "$found"
base64 <"/proc/$found/cmdline"
`;

async function hashed(session: Session, option: HostFile['option'], path: string, folder: string): Promise<HostFile[]> {
  const { exitCode, stdout } = await session.run(['sha256sum', '--', posix.resolve(folder, path)], {
    timeoutMs: HASH_MS,
  });
  const sha256 = /^\\?([0-9a-f]{64}) /.exec(stdout)?.[1];
  return exitCode === 0 && sha256 !== undefined ? [{ option, path, sha256 }] : [];
}

/** What a firmware of the host is, where it is another than was sent. @returns null where it cannot be read or launched */
async function describedOnHost(session: Session, path: string): Promise<LiveProcess['firmware']> {
  const image = await session.readFile(path, FIRMWARE_BYTES_MAX);
  if (image === undefined) return null;
  try {
    return writeFirmwareDescriptor(describeFirmware(image));
  } catch (error) {
    if (error instanceof HarnessError) return null;
    throw error;
  }
}

/**
 * What the host sees of the QEMU that a launch started: its argv, which wrappers and distributions change on the way, and
 * the hashes of the files in it.
 * @param pid of the command that was started; it leads a session   @throws HarnessError SSH_*, HOST_TIMEOUT, HOST_COMMAND
 */
export async function observeProcess(session: Session, pid: number, request: LaunchRequest): Promise<LiveProcess> {
  const { exitCode, stdout, stderr } = await session.run(['sh', '-c', FIND_QEMU, 'snp-observe', String(pid)]);
  const [found = '', ...lines] = stdout.split('\n');
  if (exitCode !== 0 || !/^\d+$/.test(found)) {
    const what = `the process of QEMU could not be looked at: ${stderr.trim().slice(0, 300)}`;
    throw new HarnessError({ code: 'HOST_COMMAND', what, where: `host ${session.name}` });
  }
  const bytes = Buffer.from(lines.join(''), 'base64');
  const words = bytes.toString('utf8').replace(/\0$/, '').split('\0');
  const launch = parseLaunch(readArgv(bytes));
  const folder = `/proc/${found}/cwd`;
  const files: HostFile[] = [];
  for (const option of ['firmware', 'kernel', 'initrd'] as const) {
    const path = launch[option]?.value;
    if (path !== undefined) files.push(...(await hashed(session, option, path, folder)));
  }
  const firmware = files.find(({ option }) => option === 'firmware');
  const swapped = firmware !== undefined && firmware.sha256 !== request.firmware.sha256;
  return {
    argv: words,
    files,
    firmware: swapped ? await describedOnHost(session, posix.resolve(folder, firmware.path)) : null,
  };
}
