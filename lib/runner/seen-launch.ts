import { HarnessError } from '../errors.ts';
import { readFirmwareDescriptor } from '../evidence/firmware-descriptor.ts';
import type { LiveProcess } from '../evidence/schema.ts';
import type { SeenFile, SeenLaunch } from '../explain/proof.ts';
import { vcpuSignatureOf } from '../measure/vcpu-types.ts';
import { readArgv } from '../qemu/argv-file.ts';
import { parseLaunch } from '../qemu/launch-options.ts';

/** The signature of a `-cpu`; null where it is that of the host's processor, or of no model that is known. */
function signatureOf(value: string): number | null {
  try {
    return vcpuSignatureOf(value);
  } catch (error) {
    if (error instanceof HarnessError) return null;
    throw error;
  }
}

/** What the live process of a launch shows of it. @throws HarnessError ARGV_INVALID, DESCRIPTOR_INVALID */
export function seenLaunch({ argv, files, firmware }: LiveProcess): SeenLaunch {
  const launch = parseLaunch(readArgv(Buffer.from(argv.map((word) => `${word}\0`).join(''), 'utf8')));
  const file = (option: LiveProcess['files'][number]['option']): SeenFile | undefined => {
    const seen = files.find((one) => one.option === option);
    return seen && { path: seen.path, sha256: new Uint8Array(Buffer.from(seen.sha256, 'hex')) };
  };
  const { cpu, vcpus, snp, append } = launch;
  return {
    vcpus,
    cpu: cpu && { value: cpu.value, signature: signatureOf(cpu.value) },
    kernelHashes: snp === null ? null : snp.kernelHashes,
    append: append?.value ?? null,
    firmware: file('firmware') ?? null,
    firmwareDescriptor: firmware && readFirmwareDescriptor(firmware, 'the firmware on the host'),
    kernel: launch.kernel === null ? null : file('kernel'),
    initrd: launch.initrd === null ? null : file('initrd'),
  };
}
