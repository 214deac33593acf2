import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { documentPages, printedOn, shellLine } from '../project/printed-commands.ts';
import { testFolder } from '../support/folder.ts';
import { ARTIFACTS_FOLDER, projectPath } from '../support/paths.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';

// The commands of README and docs that launch guests, on an emulated host, in the order in which a page has them. Those that
// launch none are run with every run of the tests: test/project/documents-run.test.ts.
test.skip(tries(0, 1) === 0, 'the launches of README and docs are run with SNP_CONFORM_SOAK=1');

const inFolder = testFolder();

const LAUNCHES =
  /^(?:run |merge-reports |recording merge|compare \S+\.gz reports\/run|explain --evidence|predict --matrix)/;
/** What a page prints for another place than that of its other commands. */
const OF_ANOTHER_PLACE = /--config playwright\.config\.ts|\$CI_NODE|reports\/earlier/;

/** The files of somebody who follows a page: an emulated host, a matrix of two cells, a run that ended. */
async function makeLab(folder: string): Promise<void> {
  mkdirSync(folder);
  const emulation = { profile: 'upstream-6.12' };
  const host = { name: 'here', kind: 'local', slots: 2, directory: join(folder, 'host'), emulation };
  const artifacts = { firmware: { amdsev: { path: 'OVMF.amdsev.fd' } } };
  const axes = { firmware: ['amdsev'], vcpus: [1, 4], vcpuType: ['EPYC-v4'] };
  writeFileSync(join(folder, 'hosts.json'), JSON.stringify({ format: 'snp-conform/hosts@1', hosts: [host] }));
  writeFileSync(join(folder, 'matrix.json'), JSON.stringify({ format: 'snp-conform/matrix@1', artifacts, axes }));
  cpSync(join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd'), join(folder, 'OVMF.amdsev.fd'));
}

for (const path of documentPages()) {
  const printed = printedOn(path).filter(({ line }) => LAUNCHES.test(line) && !OF_ANOTHER_PLACE.test(line));
  if (printed.length === 0) continue;
  test(`${path}: its launches run as they are printed`, async () => {
    const folder = inFolder(path.replaceAll('/', '-'));
    await makeLab(folder);
    const run = (args: readonly string[]) =>
      execa(process.execPath, [projectPath('bin', 'snp-conform'), ...args], {
        ...{ cwd: folder, reject: false, stdin: 'ignore', timeout: 300_000, all: true },
      });
    // What a page goes on with may have been left by a run that it does not print.
    const before = await run(['run', '--hosts', 'hosts.json', '--matrix', 'matrix.json']);
    expect(before.exitCode, before.all).toBe(0);
    for (const { where, line } of printed) {
      const { words, into } = shellLine(line, {});
      const done = await run(words);
      if (into !== undefined) writeFileSync(join(folder, into), done.stdout);
      expect(done.exitCode, `${where}: snp-conform ${line}\n${done.all}`).toBe(0);
    }
  });
}
