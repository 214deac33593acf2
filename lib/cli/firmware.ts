import { Command } from 'commander';
import { inPlace } from '../errors.ts';
import { readInputFile } from '../evidence/input-file.ts';
import { writeFirmwareDescriptor } from '../evidence/written-descriptor.ts';
import { describeFirmware, FIRMWARE_BYTES_MAX } from '../measure/firmware.ts';
import type { FirmwareDescriptor } from '../measure/inputs.ts';
import { examples } from './examples.ts';

const DESCRIPTOR_BYTES_MAX = 1024 * 1024;

/** Reads and describes a firmware image. @throws HarnessError FILE_UNREADABLE and those of `describeFirmware` */
export async function loadFirmware(path: string): Promise<{ image: Uint8Array; descriptor: FirmwareDescriptor }> {
  const image = await readInputFile({ path, what: 'firmware image', maxBytes: FIRMWARE_BYTES_MAX });
  try {
    return { image, descriptor: describeFirmware(image) };
  } catch (error) {
    throw inPlace(error, path);
  }
}

/** Reads a firmware descriptor. @throws HarnessError FILE_UNREADABLE, DESCRIPTOR_INVALID */
export async function loadFirmwareDescriptor(path: string): Promise<FirmwareDescriptor> {
  const bytes = await readInputFile({ path, what: 'firmware descriptor', maxBytes: DESCRIPTOR_BYTES_MAX });
  // The schemas take longer to load than a prediction takes, and only few predictions need them.
  const { parseFirmwareDescriptor } = await import('../evidence/firmware-descriptor.ts');
  return parseFirmwareDescriptor(Buffer.from(bytes).toString('utf8'), path);
}

/** `snp-conform firmware`: what can be said of a firmware image without launching it. */
export function firmwareCommand(): Command {
  const help = examples(
    'firmware describe OVMF.amdsev.fd > amdsev.json',
    'predict --firmware-descriptor amdsev.json --vcpus 4 --vcpu-type EPYC-v4',
  );
  const firmware = new Command('firmware').addHelpText('after', help);
  firmware
    .command('describe')
    .description('print the firmware descriptor: all that a launch digest needs of an image, as JSON')
    .argument('<image>', 'the unified OVMF image')
    .addHelpText('after', help)
    .action(async (path: string) => {
      const { descriptor } = await loadFirmware(path);
      process.stdout.write(`${JSON.stringify(writeFirmwareDescriptor(descriptor), null, 2)}\n`);
    });
  return firmware;
}
