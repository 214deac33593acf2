import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { HarnessError } from '../../lib/errors.ts';
import type { HostFacts } from '../../lib/evidence/host-facts.ts';
import { readJsonFile } from '../../lib/evidence/json-file.ts';
import { findingsOf } from '../../lib/host/preflight/findings.ts';
import { machineFacts } from '../../lib/host/preflight/machine-facts.ts';
import { machinePlatform } from '../../lib/host/preflight/platform-facts.ts';
import { slotFindings, usableSlots } from '../../lib/host/preflight/slots.ts';
import { refuseHostKey } from '../../lib/host/ssh-options.ts';
import { readLaunchDigest } from '../../lib/identity/digest-text.ts';
import { planCells } from '../../lib/matrix/cells.ts';
import { matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { Reference } from '../../lib/runner/reference.ts';
import { GENOA, QEMU_BUILD, sectionsOf } from '../host/preflight/hosts.ts';
import { runHere } from '../support/cli-here.ts';
import { AMDSEV_SECTIONS, firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

// Each usual mistake is met where a user makes it; the message must say what to do next.

const inFolder = testFolder();

function written(name: string, content: string | Uint8Array): string {
  const path = inFolder(name);
  writeFileSync(path, content);
  return path;
}

const VCPUS = ['--vcpus', '1', '--vcpu-type', 'EPYC-v4'];

/** What a command that is refused prints. */
async function refused(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runHere(args);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  return stderr;
}

function matrix(axes: object): object {
  const rest = { firmware: ['ovmf'], vcpus: [1], vcpuType: ['EPYC-v4'] };
  return {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { ovmf: { path: 'x' } } },
    axes: { ...rest, ...axes },
  };
}

function factsOf(said: Readonly<Record<string, string>>, qemu: HostFacts['qemu'] = { default: QEMU_BUILD }): HostFacts {
  const sections = sectionsOf({ ...GENOA, ...said });
  return { platform: machinePlatform(sections), machine: machineFacts(sections), qemu, snphost: null };
}

function fixOf(facts: HostFacts, code: string): string {
  const usableBuilds = Object.keys(facts.qemu).filter((name) => facts.qemu[name]?.snpOptions != null);
  const found = findingsOf({ emulated: false, facts, directory: '/var/tmp/x', usableBuilds });
  return found.find((finding) => finding.code === code)?.fix ?? 'nothing was found';
}

test('1. guest policy and guest features swapped: both are named, with their usual values', async () => {
  const image = written('plain.fd', firmwareImage());
  expect(await refused(['predict', '--ovmf', image, ...VCPUS, '--guest-features', '0x30000'])).toMatch(
    /looks like a guest policy\n {2}hint: .*0x30000 by default.*0x1 or 0x21.*different things/,
  );
  const swapped = matrixSchema.parse(matrix({ guestPolicy: ['0x1'] }));
  expect(harnessErrorOf(() => planCells(swapped, [], 'matrix.json')).hint).toContain('guestFeatures');
});

test('2. the wrong flavour of OVMF: the right one is named', async () => {
  const code = written('OVMF_CODE.fd', new Uint8Array(65_536));
  expect(await refused(['predict', '--ovmf', code, ...VCPUS])).toMatch(
    /hint: .*OVMF\.amdsev\.fd.*not OVMF_CODE or OVMF_VARS/,
  );
});

test('3. a kernel for a firmware without a section for its hashes: another build, or no kernel', async () => {
  const sections = AMDSEV_SECTIONS.filter(([, , type]) => type !== 0x10);
  const image = written('no-hashes.fd', firmwareImage({ sections }));
  const kernel = written('vmlinuz', 'a kernel');
  expect(await refused(['predict', '--ovmf', image, ...VCPUS, '--kernel', kernel])).toMatch(
    /OVMF_NO_HASHES_TABLE: .*\n {2}hint: use an AmdSev build/,
  );
});

/** An ed25519 key of zeros, as a server shows it. */
const HOST_KEY = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32),
]);
const TARGET = {
  name: 'milan-1',
  address: 'milan-1.lab',
  port: 2222,
  user: 'snp',
  knownHostsPath: '/home/me/known_hosts',
};
const NOBODY = { accepted: [], revoked: [] };

test('4. an unknown host key: where to compare it, and the command that adds this one and no other', () => {
  expect(refuseHostKey(TARGET, NOBODY, HOST_KEY)?.hint).toBe(
    'if ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub says the same on the host, add it: ' +
      'ssh-keyscan -t ed25519 -p 2222 milan-1.lab >> /home/me/known_hosts',
  );
});

test('4. an unknown host key behind a jump host: the command asks from there', () => {
  const jump = { name: 'gate', address: 'gate.lab', port: 22, user: 'me' };
  const behind = { ...TARGET, port: 22, knownHostsPath: '/home/me/known hosts', jump };
  expect(refuseHostKey(behind, NOBODY, HOST_KEY)?.hint).toMatch(
    /add it: ssh me@gate\.lab ssh-keyscan -t ed25519 milan-1\.lab >> '\/home\/me\/known hosts'$/,
  );
});

test('4. a host key that is another one: the command that forgets the old one, for a host that was reinstalled', () => {
  const accepted = [{ type: 'ssh-ed25519', blob: new Uint8Array(51) }];
  expect(refuseHostKey(TARGET, { accepted, revoked: [] }, HOST_KEY)?.hint).toMatch(
    /reinstalled, ssh-keygen -R '\[milan-1\.lab\]:2222' -f \/home\/me\/known_hosts and run this again; .*somebody else/,
  );
});

test('5. a QEMU that is too old: the version that is needed', () => {
  const old = { ...QEMU_BUILD, version: '8.2.2', snpOptions: null };
  expect(fixOf(factsOf({}, { default: old }), 'HOST_QEMU')).toContain('QEMU 9.1 or later');
});

test('6. no permission on /dev/sev: the commands that give it', () => {
  const facts = factsOf({});
  const sev = { present: true, usable: false, trouble: 'Permission denied' };
  const machine = { ...facts.machine, devices: { ...facts.machine.devices, sev } };
  expect(fixOf({ ...facts, machine }, 'HOST_DEVICE')).toMatch(
    /chgrp kvm \/dev\/sev && chmod 660 \/dev\/sev && usermod -aG kvm snp, .*> \/etc\/udev\/rules\.d\//,
  );
});

for (const [misspelt, meant] of [
  ['vcpu', 'vcpus'],
  ['guestPolcy', 'guestPolicy'],
  ['kernels', 'kernel'],
] as const) {
  test(`7. an axis misspelt as "${misspelt}": "${meant}" was meant`, () => {
    const path = written(`${misspelt}.json`, JSON.stringify(matrix({ [misspelt]: ['x'] })));
    const error = harnessErrorOf(() => readJsonFile(path, matrixSchema, 'MATRIX_INVALID'));
    expect(error.message).toContain(`axes: unknown name "${misspelt}"; did you mean "${meant}"?`);
    expect(error.where).toBe(path);
  });
}

test('8. a key that is not P-384: what it is, and what makes one', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const key = written('p256.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const image = written('for-key.fd', firmwareImage());
  expect(await refused(['id-block', '--ovmf', image, ...VCPUS, '--id-key', key])).toMatch(
    /KEY_INVALID: .*P-384.*got ec prime256v1 \(.*p256\.pem\)\n {2}hint: snp-conform keygen/,
  );
});

test('9. a digest in base64 is taken as one; a cut one is refused with both forms', () => {
  const digest = Buffer.alloc(48, 7);
  const read = (text: string) => readLaunchDigest(text, '--observed');
  expect(read(digest.toString('base64')).digest).toEqual(read(digest.toString('hex')).digest);
  expect(harnessErrorOf(() => read(digest.toString('base64').slice(0, 60))).hint).toMatch(
    /96 hex digits.*64 characters of base64/,
  );
});

test('9. a digest in base64 where only hex is taken: the same in hex', async () => {
  const hash = Buffer.alloc(32, 0xfb);
  const image = written('for-hash.fd', firmwareImage());
  const options = ['--ovmf', image, ...VCPUS, '--kernel-sha256', hash.toString('base64')];
  expect(await refused(['predict', ...options])).toContain(`hint: this is base64; in hex: ${hash.toString('hex')}\n`);
});

test('9. published digests in base64: what to write in their place', () => {
  const digest = Buffer.alloc(48, 0xfb);
  const digests = { 'qemu-init2': { cell: digest.toString('base64') } };
  const path = written('published.json', JSON.stringify({ format: 'snp-conform/reference@1', digests }));
  expect(harnessErrorOf(() => Reference.read(path)).what).toContain(
    `got one in base64; write ${digest.toString('hex')}`,
  );
});

test('10. more slots than free ASIDs: how many can be used, and both ways out', () => {
  const facts = factsOf({});
  const few = { ...facts, platform: { ...facts.platform, snpAsids: { total: 15, used: 12 } } };
  const [finding] = slotFindings(usableSlots(8, few, 512), few, 512);
  expect(finding).toMatchObject({
    level: 'warning',
    code: 'HOST_ASIDS',
    fix: expect.stringContaining('lower "slots"'),
  });
  expect(finding?.what).toContain('3 of 8 slots can be used');
});

test('every hint of these is in the message itself, which is all that a runner keeps', () => {
  const error = new HarnessError({ code: 'USAGE', what: 'what', where: 'where', hint: 'hint' });
  expect(error.message).toBe('USAGE: what (where)\n  hint: hint');
});
