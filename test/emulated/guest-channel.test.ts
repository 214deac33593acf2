import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { Lab } from './lab.ts';

let lab: Lab;
test.beforeAll(async () => {
  lab = await Lab.start();
});
test.afterAll(async () => {
  await lab.stop();
});

/**
 * A lab's own program that knows how to get a report out of a guest: here over the guest's second serial port, which is
 * nobody else's where a command is the channel.
 */
const ASK = `
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
const [socket, nonce] = process.argv.slice(2);
const text = Buffer.from(nonce, 'hex').toString('base64');
const sum = createHash('sha256').update('nonce 0 ' + text).digest('hex').slice(0, 16);
const line = connect(socket, () => line.write('@snp1 nonce 0 64 ' + text + ' ' + sum + '\\n'));
let heard = '';
line.on('data', (bytes) => {
  heard += bytes;
  const report = /@snp1 report 0 1184 (\\S+) .*\\n/.exec(heard)?.[1];
  if (report === undefined) return;
  console.log(JSON.stringify({ report, certificates: '', kernel: process.env.SNP_CONFORM_CELL }));
  line.end();
});
line.on('error', (error) => { console.error(error.message); process.exit(1); });
`;

test('a command on the host gets the reports of guests that have no agent', async () => {
  const program = join(lab.folder, 'ask.mjs');
  await writeFile(program, ASK);
  const hosts = await lab.writeHosts([{ name: 'upstream', profile: 'upstream-6.12', tags: [] }]);
  const matrix = await lab.writeJson('command.json', {
    format: 'snp-conform/matrix@1',
    artifacts: {
      firmware: { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } },
    },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'] },
    guest: {
      channel: 'command',
      command: [process.execPath, program, '{directory}/agent', '{nonce}'],
      qemuArguments: ['-device', 'virtio-rng-pci,id=channel-{cid}'],
    },
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', matrix], 'command');
  expect(run.exitCode, run.stderr + run.stdout).toBe(0);
  const [cell] = run.cells;
  expect(cell?.evidence.sent.argv.join(' ')).toMatch(/-device virtio-rng-pci,id=channel-\d{5,}$/);
  expect(cell?.evidence.outcome).toMatchObject({ state: 'ran', exitCode: 0, certificates: '' });
  expect(cell?.evidence.outcome.guest).toMatchObject({ agent: 'command', kernel: cell?.evidence.cell.id, errors: [] });
  expect(cell?.evidence.outcome.secondReport).toBeTruthy();
  expect(cell?.evidence.outcome.secondReport).not.toBe(cell?.evidence.outcome.report);
});
