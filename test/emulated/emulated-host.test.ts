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

function matrix(axes: Record<string, unknown[]>): object {
  const firmware = { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } };
  const defaults = { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'] };
  return { format: 'snp-conform/matrix@1', artifacts: { firmware }, axes: { ...defaults, ...axes } };
}

// Linux makes up IBPB_BRTYPE, and the firmware knows nothing of it. Source: QEMU target/i386/sev.c, for the words.
test('of a CPUID page that the firmware corrects, QEMU names the leaf, what it gave and what would be accepted', async () => {
  const hosts = await lab.writeHosts([
    { name: 'milan', profile: 'upstream-6.18', tags: [], emulation: { product: 'Milan' } },
  ]);
  const file = await lab.writeJson('cpuid.json', matrix({ vcpuType: ['EPYC-v4,+ibpb-brtype', 'EPYC-Milan'] }));
  const run = await lab.run(['--hosts', hosts, '--matrix', file], 'cpuid');
  expect(run.exitCode, run.stderr + run.stdout).toBe(1);
  const cellOf = (vcpuType: string) => run.cells.find(({ evidence }) => evidence.cell.vcpuType === vcpuType);
  expect(cellOf('EPYC-Milan')?.verdict.result).toBe('pass');
  const refused = cellOf('EPYC-v4,+ibpb-brtype');
  expect(refused?.evidence.outcome.refusal).toMatchObject({ command: 'SNP_LAUNCH_UPDATE', ret: -5, fwError: 22 });
  expect(refused?.evidence.outcome.stderr).toMatch(
    /CPUID validation failed for function 0x80000021, index: 0x0, provided: eax:0x10000000, .* expected: eax:0x00000000/,
  );
});

test('a planted fault is met, and is in the evidence, in JUnit and in what the run says', async () => {
  const faults = [{ command: 'KVM_SEV_SNP_LAUNCH_FINISH', errno: 'EBUSY', nth: 1 }];
  const hosts = await lab.writeHosts([
    { name: 'busy', profile: 'upstream-6.12', tags: [], emulation: { faults, smt: false, sockets: 2 } },
  ]);
  const file = await lab.writeJson('fault.json', matrix({}));
  const run = await lab.run(['--hosts', hosts, '--matrix', file], 'fault');
  expect(run.cells.map(({ evidence }) => evidence.outcome.stderr)).toEqual([
    "SNP_LAUNCH_FINISH ret=-16 fw_error=0 ''\n",
  ]);
  const told = 'KVM_SEV_SNP_LAUNCH_FINISH: errno 16, call 1';
  expect(run.cells[0]?.evidence.host).toMatchObject({
    faults: [told],
    facts: { platform: { smtActive: false, sockets: 2 } },
  });
  expect(run.junit).toContain(`<property name="host.faults" value="${told}"/>`);
  expect(run.stdout).toContain(`faults are planted on busy: ${told}`);
});
