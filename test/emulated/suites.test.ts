import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCENARIOS } from '../../lib/scenarios/scenarios.ts';
import { ARTIFACTS_FOLDER } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { type FinishedRun, Lab, type LabHost } from './lab.ts';

let lab: Lab;
let matrix: string;
test.beforeAll(async () => {
  lab = await Lab.start();
  const firmware = { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } };
  matrix = await lab.writeJson('matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware },
    axes: { firmware: ['amdsev'], vcpus: [1, 2], vcpuType: ['EPYC-v4'] },
    exclude: [{ why: 'a cell of its own, which --grep can tell apart', hostTags: ['two'], vcpus: 1 }],
  });
});
test.afterAll(async () => {
  await lab.stop();
});

/** Kernels, processors and machines that differ in what they refuse, and who does. */
const STRICT: LabHost = { name: 'strict', profile: 'upstream-6.12', tags: [], slots: 2 };
const OPEN: LabHost = {
  ...{ name: 'open', profile: 'upstream-6.19', tags: ['two'] },
  emulation: { product: 'Turin', sockets: 2, smt: false, meets: ['RAPL_DIS'] },
};

async function run(hosts: readonly LabHost[], args: readonly string[], out: string): Promise<FinishedRun> {
  return lab.run(['--hosts', await lab.writeHosts(hosts), '--matrix', matrix, ...args], out);
}

/** What QEMU said of a scenario on a host, or the state that its launch came to. */
function outcomeOf({ cells }: FinishedRun, host: string, scenario: string): string | undefined {
  const cell = cells.find(({ evidence }) => evidence.host.name === host && evidence.scenario === scenario);
  const outcome = cell?.evidence.outcome;
  return outcome?.refusal?.line.replace(/^.*(?=SNP_LAUNCH_)/, '') ?? outcome?.state;
}

function expectRefusalsAsQemuSaysThem({ cells }: FinishedRun, least: number): void {
  const refused = cells.filter(({ verdict }) => verdict.expected?.startsWith('refused'));
  expect(refused.length).toBeGreaterThanOrEqual(least);
  for (const { evidence, verdict } of refused) {
    expect(evidence.outcome).toMatchObject({ state: 'refused', exitCode: 1, report: null, console: '' });
    const line = verdict.expected?.replace(/^refused by (?:KVM|the firmware): /, '') ?? '';
    expect(evidence.outcome.stderr, evidence.scenario).toContain(line);
  }
}

test('both suites hold on emulated hosts over SSH, each refusal is the one that was meant, and they play back the same', async () => {
  const recording = join(lab.folder, 'suites.jsonl.gz');
  const chosen = ['--suite', 'identity', 'policy', '--grep', '/1-vcpu/|/2-vcpu/EPYC-v4/policy/'];
  const live = await run([STRICT, OPEN], [...chosen, '--record', recording], 'suites');
  expect(live.exitCode, live.stderr + live.stdout).toBe(0);
  const names = (host: string, scenarios: readonly { name: string }[]) =>
    scenarios.map(({ name }) => `${host} ${name}`);
  const wanted = [...names('strict', [...SCENARIOS.identity, ...SCENARIOS.policy]), ...names('open', SCENARIOS.policy)];
  expect(live.cells.map(({ evidence }) => `${evidence.host.name} ${evidence.scenario}`).sort()).toEqual(wanted.sort());
  // One more test has no launch: a key that is not P-384 is refused before.
  expect(live.junit.match(/<testcase /g)).toHaveLength(wanted.length + 1);
  expect(live.junit).not.toMatch(/<(failure|error|skipped)/);
  for (const suite of ['identity.strict', 'policy.strict', 'policy.open']) {
    expect(live.junit).toContain(`<testcase classname="${suite}" name="amdsev/no-kernel/policy-0x30000`);
  }
  expectRefusalsAsQemuSaysThem(live, 33);
  // What must come of a policy follows from the host: kernel, processor and machine.
  const [byKvm, byFirmware] = [
    "SNP_LAUNCH_START ret=-22 fw_error=0 ''",
    "SNP_LAUNCH_START ret=-5 fw_error=7 'Policy is not allowed'",
  ];
  const both = (scenario: string) => ['strict', 'open'].map((host) => outcomeOf(live, host, scenario));
  expect(both('policy/no-smt')).toEqual([byKvm, 'ran']);
  expect(both('policy/rapl-dis')).toEqual([byKvm, 'ran']);
  expect(both('policy/single-socket')).toEqual([byKvm, byFirmware]);
  expect(both('policy/abi-next-major')).toEqual([byFirmware, byFirmware]);
  expect(outcomeOf(live, 'strict', 'identity/no-id-auth')).toBe("SNP_LAUNCH_FINISH ret=-22 fw_error=0 ''");

  const replay = await lab.run(['--replay', recording], 'replayed');
  expect(replay.exitCode, replay.stderr + replay.stdout).toBe(0);
  expect(replay.cells).toEqual(live.cells);
});

test('a firmware or kernel that is wrong in one thing fails the tests of that thing, and a host without SNP passes none', async () => {
  // On Linux 6.18 with SMT on and two sockets, no-smt and single-socket are for the firmware to refuse.
  const wrong = (name: string, tags: string[], faults: readonly object[]): LabHost => ({
    ...{ name, profile: 'upstream-6.18', tags, emulation: { sockets: 2, faults } },
  });
  const firmware = wrong(
    'firmware',
    [],
    [
      { command: 'SNP_LAUNCH_FINISH', status: 'SUCCESS', insteadOf: 'BAD_MEASUREMENT' },
      { command: 'SNP_LAUNCH_FINISH', status: 'BAD_SIGNATURE', insteadOf: 'POLICY_FAILURE' },
      { command: 'SNP_LAUNCH_START', status: 'SUCCESS', insteadOf: 'POLICY_FAILURE' },
    ],
  );
  const kernel = wrong('kernel', ['two'], [{ command: 'KVM_SEV_SNP_LAUNCH_START', errno: 'EINVAL' }]);
  const bare: LabHost = { name: 'bare', profile: null, tags: [] };
  // Preflight is told that all is well there, and QEMU finds no /dev/kvm.
  const qemu = join(lab.folder, 'qemu-alone');
  await writeFile(qemu, '#!/bin/sh\nunset LD_PRELOAD\nexec qemu-system-x86_64 "$@"\n', { mode: 0o755 });
  const lost: LabHost = { name: 'lost', profile: 'upstream-6.18', tags: ['two'], qemu, change: { cbitpos: 51 } };
  const grep = '/1-vcpu/.*/(right|wrong-digest|wrong-policy|no-smt|single-socket|p256-key) |/2-vcpu/.*/single-socket ';
  const broken = await run([firmware, kernel, bare, lost], ['--suite', 'identity', 'policy', '--grep', grep], 'broken');
  expect(broken.exitCode, broken.stderr + broken.stdout).toBe(1);
  const results = broken.cells.map(
    ({ evidence, verdict }) => `${evidence.host.name} ${evidence.scenario} ${verdict.result}`,
  );
  expect(results.sort()).toEqual([
    'firmware identity/right pass',
    'firmware identity/wrong-digest fail',
    'firmware identity/wrong-policy fail',
    'firmware policy/no-smt fail',
    'firmware policy/single-socket pass',
    'kernel policy/single-socket fail',
    'lost policy/single-socket infrastructure',
  ]);
  const failures = [...broken.junit.matchAll(/<failure [\s\S]*?<\/failure>/g)].map(([text]) =>
    text.replaceAll(/&apos;|&#39;|&quot;/g, "'"),
  );
  expect(failures.filter((message) => message.includes('but the launch was accepted'))).toHaveLength(2);
  expect(failures.filter((message) => message.includes("fw_error=10 'Bad signature'"))).toHaveLength(1);
  expect(failures.filter((message) => message.includes('SNP_LAUNCH_START ret=-22 fw_error=0'))).toHaveLength(1);
  expect(broken.junit).toMatch(/<error message="LAUNCH_BROKEN: QEMU never asked for the launch [^"]*KVM/);
  // On a host without SNP nothing passes, not even what needs no launch.
  expect(broken.junit.match(/<skipped [^>]*its processor has no SEV-SNP/g)).toHaveLength(6);
  expect(broken.stdout).toMatch(/\nbare +identity +amdsev +no-kernel +0 +0 +0 +4 /);
});
