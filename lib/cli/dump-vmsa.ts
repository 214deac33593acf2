import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, outputError } from '../evidence/folders.ts';
import { fileTrouble } from '../evidence/input-file.ts';
import type { VmsaPages } from '../measure/vmsa.ts';

/**
 * Writes the VMSA page of every vCPU, 4096 bytes each: vmsa0.bin, vmsa1.bin, ...
 * @throws HarnessError OUTPUT_UNWRITABLE
 */
export async function dumpVmsas(folder: string, { boot, application }: VmsaPages, count: number): Promise<void> {
  makeFolder(folder, '--dump-vmsa');
  for (let index = 0; index < count; index += 1) {
    const path = join(folder, `vmsa${index}.bin`);
    try {
      await writeFile(path, index === 0 ? boot : application);
    } catch (cause) {
      const what = `--dump-vmsa: the file cannot be written: ${fileTrouble(cause)}`;
      throw outputError(cause, { what, where: path });
    }
  }
}
