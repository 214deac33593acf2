import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

test('why explains a line: who said it, meaning, likely cause, what to do, source', async () => {
  const run = await runHere(['why', 'SNP_LAUNCH_FINISH ret=-5 fw_error=11']);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toMatch(
    /^BAD_MEASUREMENT at SNP_LAUNCH_FINISH\n {2}said by .*\n {2}meaning .*\n {2}likely cause .*\n {2}what to do .*\n {2}source .*finish-bad-measurement\]\n$/,
  );
});

test('why takes codes and names, negative ones too, and words that were not quoted', async () => {
  expect((await runHere(['why', '-22'])).stdout).toContain('[kvm-start-einval]');
  const unquoted = await runHere(['why', 'SNP_LAUNCH_START', 'ret=-22', 'fw_error=0', '--json']);
  expect(JSON.parse(unquoted.stdout)[0].refusals.map(({ id }: { id: string }) => id)).toEqual(['kvm-start-einval']);
});

test('why reads a log from a file and from standard input', async () => {
  const log = inFolder('qemu.log');
  writeFileSync(log, "start\nqemu: SNP_LAUNCH_FINISH ret=-5 fw_error=10 'Bad signature'\n\u001b[31mred\n");
  const told = /^line 2: qemu: SNP_LAUNCH_FINISH ret=-5 fw_error=10 'Bad signature'\n\nBAD_SIGNATURE at/;
  expect((await runHere(['why', '--log', log])).stdout).toMatch(told);
  expect((await runHere(['why', log])).stdout).toMatch(told);
  const piped = execFileSync(process.execPath, [projectPath('bin', 'snp-conform'), 'why', '-'], {
    input: "x\nSNP_LAUNCH_FINISH ret=-5 fw_error=7 ''\n",
    encoding: 'utf8',
  });
  expect(piped).toContain('[finish-policy]');
});

for (const [what, args, message] of [
  ['a name that is not in the table', ['POLICY_FAILUR'], 'did you mean POLICY_FAILURE?'],
  ['a status that is not in the table', ['SNP_LAUNCH_FINISH ret=-5 fw_error=99'], 'status 0x63'],
  ['a code that is not in the table', ['0x63'], 'REFUSAL_UNKNOWN'],
  [
    'a log that is not there',
    ['--log', '/nowhere/guest.log'],
    'hint: libvirt keeps that of a guest in /var/log/libvirt/qemu/',
  ],
  ['an option that it does not have', ['--jsn', '11'], 'unknown option --jsn'],
] as const) {
  test(`why says so of ${what}, and ends with 2`, async () => {
    const run = await runHere(['why', ...args]);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
  });
}
