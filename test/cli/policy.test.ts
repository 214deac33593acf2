import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import fc from 'fast-check';
import { addPolicyOptions, composePolicy, type PolicyBitFlags, policyOptions } from '../../lib/cli/policy-options.ts';
import { machineFacts } from '../../lib/host/preflight/machine-facts.ts';
import { machinePlatform } from '../../lib/host/preflight/platform-facts.ts';
import { DEFAULT_GUEST_POLICY } from '../../lib/identity/guest-policy.ts';
import { GENOA, sectionsOf } from '../host/preflight/hosts.ts';
import { projectText } from '../project/files.ts';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

/** The policy that words on the command line make. */
function policyOf(words: readonly string[]): bigint {
  const command = addPolicyOptions(new Command());
  command.parse(words, { from: 'user' });
  return composePolicy(DEFAULT_GUEST_POLICY, command.opts<PolicyBitFlags>());
}

test('any valid policy is made again by the options that are shown for it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 26n) - 1n }), (random) => {
      const policy = random | (1n << 17n);
      const options = policyOptions(policy);
      expect(options === null ? null : policyOf(options)).toBe(policy);
    }),
  );
});

test('a policy that no firmware launches has no options', () => {
  for (const policy of [0n, 0x10000n, 0x4030000n, 0xffffffffffffffffn]) expect(policyOptions(policy)).toBeNull();
});

test('policy with a number explains every field, and shows the options that make it', async () => {
  const run = await runHere(['policy', '0xb0137']);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  expect(run.stdout).toContain('0xb0137: firmware API 1.55 or later, SMT allowed, DEBUG ALLOWED');
  expect(run.stdout).toMatch(/^19 +DEBUG +1 +DEBUG ALLOWED/m);
  expect(run.stdout).toMatch(/^63:26 +RESERVED +0/m);
  expect(run.stdout).toContain('the same: snp-conform policy --debug --abi 1.55\n');
});

test('policy with options prints the number and nothing else', async () => {
  expect(await runHere(['policy', '--debug', '--no-smt', '--abi', '1.55'])).toEqual({
    exitCode: 0,
    stdout: '0xa0137\n',
    stderr: '',
  });
  expect((await runHere(['policy', '0xb0000', '--no-debug', '--single-socket'])).stdout).toBe('0x130000\n');
});

test('policy tells guest features and typos from policies, and ends with 1', async () => {
  const features = await runHere(['policy', '0x21']);
  expect(features.exitCode).toBe(1);
  expect(features.stdout).toContain('looks like guest features');
  const typo = await runHere(['policy', '0x300000', '--json']);
  expect(typo.exitCode).toBe(1);
  expect(JSON.parse(typo.stdout)).toMatchObject({ valid: false, options: null, suspicion: { meant: '0x30000' } });
});

test('policy tells what a host refuses, of a file of facts and of options that win over it', async () => {
  const facts = inFolder('facts.json');
  writeFileSync(facts, JSON.stringify({ smtActive: false, sockets: 2, apiMajor: 1, apiMinor: 55 }));
  const host = ['--host-facts', facts, '--host-kernel', '6.12.107', '--host-smt', 'on'];
  const run = await runHere(['policy', '0x120000', ...host, '--json']);
  expect(run.exitCode).toBe(1);
  const { contradictions } = JSON.parse(run.stdout).host;
  expect(contradictions.map((each: { field: string; refusedBy: string }) => `${each.refusedBy} ${each.field}`)).toEqual(
    ['kvm SMT', 'kvm SINGLE_SOCKET', 'firmware SMT', 'firmware SINGLE_SOCKET'],
  );
  const fine = await runHere(['policy', '0x30000', ...host]);
  expect(fine.exitCode).toBe(0);
  expect(fine.stdout).toContain('this host launches it');
  const older = await runHere(['policy', '0x30000', '--host-kernel', '6.6.0-snp-host']);
  expect(older.stdout).toContain('what its KVM refuses is not known');
  expect(older.stdout).not.toContain('this host launches it');
});

test('policy takes what a run learned of a host; of one that could not be asked it says so', async () => {
  const sections = sectionsOf(GENOA);
  const facts = { platform: machinePlatform(sections), machine: machineFacts(sections), qemu: {}, snphost: null };
  const provenance = {
    ...{ name: 'genoa-1', kind: 'hardware', profile: null, vmmProfile: 'qemu-init2' },
    ...{ kernel: 'Linux 6.12.1 x86_64', cbitpos: 51, qemu: {} },
  };
  const report = {
    ...{ format: 'snp-conform/host@1', name: 'genoa-1', checkedAt: '2026-01-01T00:00:00.000Z', state: 'ready' },
    ...{ findings: [], facts, slots: { configured: 1, usable: 1, boundBy: null, why: null } },
  };
  const path = inFolder('genoa-1.json');
  writeFileSync(path, JSON.stringify({ ...report, provenance }));
  const refused = await runHere(['policy', '0x130000', '--host-facts', path]);
  expect(refused.stdout).toContain('KVM is likely to refuse SINGLE_SOCKET (bit 20): Linux 6.11 to 6.16');
  writeFileSync(path, JSON.stringify({ ...report, state: 'out', facts: null, provenance: null }));
  const unknown = await runHere(['policy', '0x130000', '--host-facts', path]);
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('could not ask this host') });
});

for (const [what, args, message] of [
  ['nothing at all', [], 'USAGE: no policy is given'],
  ['a number of 65 bits', ['0x10000000000000000'], 'GUEST_POLICY_INVALID: expected a number of 64 bits'],
  ['a product line that is none', ['0x30000', '--host-product', 'Rome'], 'known: Milan, Genoa'],
  ['a version that is none', ['--abi', '1'], 'NUMBER_INVALID: expected a version like 1.55'],
  ['facts that are not JSON', ['0x30000', '--host-facts', 'package.json.no'], 'FILE_UNREADABLE'],
] as const) {
  test(`policy refuses ${what} with 2`, async () => {
    const run = await runHere(['policy', ...args]);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain(message);
  });
}

test('a fact that is unknown is named, with those that are known', async () => {
  const facts = inFolder('typo.json');
  writeFileSync(facts, JSON.stringify({ smt: true }));
  const run = await runHere(['policy', '0x30000', '--host-facts', facts]);
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toMatch(/JSON_INVALID: .*smt.*typo\.json[\s\S]*known fields: .*smtActive/);
});

test('the example of host facts in the docs is read, and every field is explained there', async () => {
  const page = projectText('docs/identity.md') ?? '';
  const example = /```json\n(\{ "kernelRelease".*?)```/s.exec(page)?.[1] ?? '';
  const facts = inFolder('example.json');
  writeFileSync(facts, example);
  expect((await runHere(['policy', '0x30000', '--host-facts', facts])).exitCode).toBe(0);
  writeFileSync(facts, '{ "nonsense": 1 }');
  const run = await runHere(['policy', '0x30000', '--host-facts', facts]);
  const known = /known fields: (.*)/.exec(run.stderr)?.[1]?.split(', ') ?? [];
  expect(known.filter((field) => !page.includes(`\`${field}\``))).toEqual([]);
  expect(known.length).toBeGreaterThan(10);
});
