import { createServer, type Server } from 'node:net';
import { execa } from 'execa';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { emulatedMachine } from '../../lib/firmware/machine.ts';
import { HOST_PROFILES } from '../../lib/firmware/profiles.ts';
import { machinePlatform } from '../../lib/host/preflight/platform-facts.ts';
import { SEV_COMMAND, SEV_PROGRAMS } from '../../lib/host/sev-ioctl.ts';
import { kvmShim } from '../../lib/runner/open-host.ts';
import { succeeds } from '../lab/command.ts';
import { testFolder } from '../support/folder.ts';
import { CACHE_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

/** The emulated devices on a Unix socket, for programs other than QEMU. */
async function emulatedDevices(): Promise<{ socket: string; server: Server }> {
  const [profile] = HOST_PROFILES;
  if (profile === undefined) throw new Error('no host profile');
  const machine = emulatedMachine({ profile, chip: emulatedChip('here'), certificates: new Uint8Array(), faults: [] });
  const server = createServer({ allowHalfOpen: true }, (stream) => machine.accept(stream));
  const socket = inFolder('fw');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return { socket, server };
}

for (const [program, option] of [
  ['perl', '-e'],
  ['python3', '-c'],
] as const) {
  test(`${program} reads the status of the platform by ioctl`, async () => {
    test.skip(!(await succeeds([program, option, '1'])), `there is no ${program} on this machine`);
    const shim = await kvmShim(CACHE_FOLDER);
    const { socket, server } = await emulatedDevices();
    const env = { LD_PRELOAD: shim.path, SNP_CONFORM_FIRMWARE: socket };
    const args = [option, SEV_PROGRAMS[program], String(SEV_COMMAND.SNP_PLATFORM_STATUS), '00'.repeat(32)];
    const { stdout } = await execa(program, args, { env, timeout: 20_000 });
    await new Promise((resolve) => server.close(resolve));
    expect(machinePlatform(new Map([['status', { text: stdout, exitCode: 0 }]]))).toMatchObject({
      firmware: { apiMajor: 1, apiMinor: 55, build: 39 },
      tcb: { current: '0x4817000000000009', reported: '0x4817000000000009' },
      snpInitialised: true,
      rmpInitialised: true,
    });
  });
}
