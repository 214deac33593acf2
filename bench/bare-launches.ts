/**
 * What bench/lab.ts compares the harness with: the same QEMU command lines, launched with nothing around them but what makes
 * them end: the emulated firmware, QMP, the conversation with the guest. Reads a file of command lines, says `ready`, waits
 * for a line on its standard input, launches, and ends.
 *
 * node --import tsx bench/bare-launches.ts FILE
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { cacheDirectory } from '../lib/cache.ts';
import { emulatedChip } from '../lib/firmware/chip.ts';
import { emulatedMachine } from '../lib/firmware/machine.ts';
import { converse, noWords } from '../lib/guest/conversation.ts';
import { hostsSchema } from '../lib/host/hosts-schema.ts';
import { LAUNCH_FILES } from '../lib/qemu/command-line.ts';
import { openQmp } from '../lib/qemu/qmp.ts';
import { emulationOf } from '../lib/runner/open-host.ts';

interface Work {
  atOnce: number;
  launches: string[][];
}

const GUEST_MS = 180_000;

async function connected(path: string): Promise<Socket> {
  for (;;) {
    if (existsSync(path)) {
      const socket = connect(path);
      try {
        await once(socket, 'connect');
        return socket;
      } catch {
        socket.destroy(); // It is there before QEMU listens.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** @param argv as the harness launched it, in a directory that is gone */
async function launch(argv: readonly string[], emulation: NonNullable<Awaited<ReturnType<typeof emulationOf>>>) {
  const directory = mkdtempSync(join(tmpdir(), 'snp-bare-'));
  const old = dirname(argv[argv.indexOf('-D') + 1] ?? '');
  const [program = '', ...words] = argv.map((word) => word.replaceAll(old, directory));
  const { profile, platform, faults } = emulation;
  const chip = emulatedChip('bare', platform);
  const machine = emulatedMachine({ profile, chip, certificates: new Uint8Array(), faults });
  const server = createServer((socket) => machine.accept(socket)).listen(join(directory, LAUNCH_FILES.firmware));
  await once(server, 'listening');
  const qemu = spawn(program, words, {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      LD_PRELOAD: emulation.shim.path,
      SNP_CONFORM_FIRMWARE: join(directory, LAUNCH_FILES.firmware),
    },
  });
  const ended = once(qemu, 'exit');
  const [qmpSocket, agent] = [
    await connected(join(directory, LAUNCH_FILES.qmp)),
    await connected(join(directory, LAUNCH_FILES.agent)),
  ];
  const guest = noWords();
  const qmp = await openQmp(qmpSocket, { where: 'bare' });
  await qmp.execute('cont');
  await converse(agent, [randomBytes(64), randomBytes(64)], AbortSignal.timeout(GUEST_MS), guest);
  await ended;
  for (const socket of [qmpSocket, agent]) socket.destroy();
  server.close();
  rmSync(directory, { recursive: true, force: true });
  if (guest.answers[0]?.report === undefined) throw new Error(`a bare launch gave no report: ${argv.join(' ')}`);
}

const { atOnce, launches } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Work;
const entry = { name: 'bare', kind: 'local', emulation: { profile: 'upstream-6.12' } };
const { hosts } = hostsSchema.parse({ format: 'snp-conform/hosts@1', hosts: [entry] });
const [host] = hosts;
const emulation = host && (await emulationOf(host, cacheDirectory(process.env, homedir())));
if (!emulation) throw new Error('expected an emulated host');
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const limit = pLimit(atOnce);
await Promise.all(launches.map((argv) => limit(() => launch(argv, emulation))));
process.exit(0);
