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

/** Linux makes up IBPB_BRTYPE, and the firmware knows nothing of it. */
const REFUSED_MODEL = 'EPYC-v4,+ibpb-brtype';
const FAULT = 'KVM_SEV_SNP_LAUNCH_FINISH: errno 16, call 1';

// Source of the words: QEMU target/i386/sev.c, sev_snp_cpuid_report_mismatches.
test('of a CPUID page that the firmware corrects QEMU names the leaf, and a planted fault is met and told everywhere', async () => {
  const faults = [{ command: 'KVM_SEV_SNP_LAUNCH_FINISH', errno: 'EBUSY', nth: 1 }];
  const hosts = await lab.writeHosts([
    { name: 'milan', profile: 'upstream-6.18', tags: [], emulation: { product: 'Milan' } },
    { name: 'busy', profile: 'upstream-6.12', tags: ['busy'], emulation: { faults, smt: false, sockets: 2 } },
  ]);
  const rule = { why: 'one cell is enough', hostTags: ['busy'], vcpuType: REFUSED_MODEL };
  const file = await lab.writeJson('matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } } },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: [REFUSED_MODEL, 'EPYC-Milan'] },
    exclude: [rule],
  });
  const run = await lab.run(['--hosts', hosts, '--matrix', file], 'odd');
  expect(run.exitCode, run.stderr + run.stdout).toBe(1);
  const cellOf = (host: string, vcpuType: string) =>
    run.cells.find(({ evidence }) => evidence.host.name === host && evidence.cell.vcpuType === vcpuType);

  expect(cellOf('milan', 'EPYC-Milan')?.verdict.result).toBe('pass');
  const refused = cellOf('milan', REFUSED_MODEL)?.evidence.outcome;
  expect(refused?.refusal).toMatchObject({ command: 'SNP_LAUNCH_UPDATE', ret: -5, fwError: 22 });
  expect(refused?.stderr).toMatch(
    /CPUID validation failed for function 0x80000021, index: 0x0, provided: eax:0x10000000, .* expected: eax:0x00000000/,
  );

  const faulty = cellOf('busy', 'EPYC-Milan')?.evidence;
  expect(faulty?.outcome.stderr).toBe("SNP_LAUNCH_FINISH ret=-16 fw_error=0 ''\n");
  expect(faulty?.host).toMatchObject({ faults: [FAULT], facts: { platform: { smtActive: false, sockets: 2 } } });
  expect(run.junit).toContain(`<property name="host.faults" value="${FAULT}"/>`);
  expect(run.stdout).toContain(`faults are planted on busy: ${FAULT}`);
});
