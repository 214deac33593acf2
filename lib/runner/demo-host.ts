import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { firmwareOf } from '../discovery/find.ts';
import { byUsefulness, FIRMWARE_FOLDERS } from '../discovery/found.ts';
import { HarnessError } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';
import { FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';

/** What the machine has that a launch on an emulated host needs. */
export interface DemoMachine {
  qemu: string;
  /** What QEMU says of itself. */
  version: string;
  firmware: string;
}

const QEMU_SINCE = 901;
const ASK_MS = 20_000;

function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(existsSync);
}

async function qemuVersion(path: string): Promise<{ version: string; number: number } | undefined> {
  const { stdout } = await execa(path, ['--version'], { reject: false, timeout: ASK_MS, stdin: 'ignore' });
  const [, version, major, minor] = /^QEMU emulator version ((\d+)\.(\d+)\S*)/m.exec(stdout) ?? [];
  return version === undefined ? undefined : { version, number: Number(major) * 100 + Number(minor) };
}

/** Can QEMU launch an SNP guest with this file? */
async function launchesSnp(path: string): Promise<boolean> {
  try {
    const image = await readInputFile({ path, what: 'firmware image', maxBytes: FIRMWARE_BYTES_MAX });
    return firmwareOf(path, '', image).unusable === null;
  } catch (error) {
    if (error instanceof HarnessError) return false;
    throw error;
  }
}

async function firmwareIn(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders.filter(existsSync)) {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.fd')).sort(byUsefulness);
    for (const name of names) if (await launchesSnp(join(folder, name))) return join(folder, name);
  }
  return undefined;
}

/**
 * Looks for what a launch on an emulated host needs: QEMU 9.1 or later, a C compiler, an OVMF with SNP metadata.
 * @returns words where something is missing
 */
export async function demoMachine(env: NodeJS.ProcessEnv, cacheFolder: string): Promise<DemoMachine | string> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this is not Linux on x86-64';
  const qemu = onPath('qemu-system-x86_64', env);
  if (qemu === undefined) return 'there is no qemu-system-x86_64 on the PATH';
  const found = await qemuVersion(qemu);
  if (found === undefined || found.number < QEMU_SINCE) {
    return `${qemu} is ${found?.version ?? 'no QEMU that can be asked'}; SNP guests need 9.1 or later`;
  }
  if (onPath('cc', env) === undefined) return 'there is no C compiler (cc) on the PATH';
  const cached = ['ovmf-amdsev', 'ovmf-x64'].map((name) => join(cacheFolder, 'artifacts', name));
  const firmware = await firmwareIn([...cached, ...FIRMWARE_FOLDERS]);
  if (firmware === undefined)
    return `there is no OVMF with SNP metadata in ${FIRMWARE_FOLDERS.join(', ')} (npm run setup fetches one)`;
  return { qemu, version: found.version, firmware };
}
