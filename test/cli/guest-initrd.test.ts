import { cpSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../support/cli.ts';
import { testFolder } from '../support/folder.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const MODULES = join(ARTIFACTS_FOLDER, 'linux-backports', 'modules');
const BUSYBOX = join(ARTIFACTS_FOLDER, 'busybox-static', 'busybox');

/** The same files again: copied in another order, of another day, some readable by nobody else. */
function copiedOtherwise(from: string, to: string, order: 1 | -1): string {
  mkdirSync(to);
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })
    .sort()
    .toSorted(() => -order)) {
    cpSync(join(from, name), join(to, name), { recursive: true });
    utimesSync(join(to, name), 1, 86_400 * (order + 2));
  }
  return to;
}

test('two initrds of the same files, copied otherwise and on another day, are the same bytes', async () => {
  const made: Buffer[] = [];
  for (const [index, order] of ([1, -1] as const).entries()) {
    const folder = copiedOtherwise(MODULES, inFolder(`modules-${index}`), order);
    const busybox = inFolder(`busybox-${index}`);
    writeFileSync(busybox, readFileSync(BUSYBOX), { mode: index === 0 ? 0o755 : 0o600 });
    const out = inFolder('made', `${index}.img`);
    const run = await runCli(['guest-initrd', '--kernel-modules', folder, '--busybox', busybox, '--out', out]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /bytes, SHA-256 [0-9a-f]{64}\n.*agent [0-9a-f]{12}.*\n {2}kernel modules: configfs, tsm, sev_guest\n$/,
    );
    made.push(readFileSync(out));
  }
  expect(made[0]?.equals(made[1] ?? Buffer.alloc(0))).toBe(true);
});

test('a wrong file or folder is told as such: exit code 2, and no initrd', async () => {
  const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ '--busybox': '/usr/bin/env' }, /INITRD_INVALID: a dynamically linked program.*\n.*busybox-static/],
    [{ '--out': '/proc/none/x.img' }, /OUTPUT_UNWRITABLE/],
  ];
  for (const [changed, says] of wrong) {
    const out = inFolder('none.img');
    const options = { '--kernel-modules': MODULES, '--busybox': BUSYBOX, '--out': out, ...changed };
    const run = await runCli(['guest-initrd', ...Object.entries(options).flat()]);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toMatch(says);
    expect(() => readFileSync(out)).toThrow('ENOENT');
  }
});
