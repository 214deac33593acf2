import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HarnessError } from '../../lib/errors.ts';
import { loadHosts } from '../../lib/host/hosts-file.ts';
import { openHostSession } from '../../lib/host/open-session.ts';
import { checkEmulation } from '../../lib/runner/open-host.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

let folder: string;
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'snp-hosts-'));
});
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));
const environment = { LAB_KEY: '/keys/lab', EMPTY: '' };
const home = '/home/tester';

function load(document: unknown) {
  const path = join(folder, 'hosts.json');
  writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document));
  return loadHosts(path, environment, home);
}

function hosts(...entries: unknown[]) {
  return { format: 'snp-conform/hosts@1', hosts: entries };
}

const SSH = { name: 'milan-1', kind: 'ssh', address: 'milan-1.lab', user: 'snp', privateKey: '~/.ssh/id' };
const LOCAL = { name: 'here', kind: 'local' };

test('the example is valid, and shows hardware and an emulated host', () => {
  const entries = loadHosts(projectPath('hosts.example.json'), {}, home);
  expect(entries).toHaveLength(2);
  expect(entries[0]).toMatchObject({
    kind: 'ssh',
    port: 22,
    agent: false,
    privateKey: '/home/tester/.ssh/id_ed25519',
    knownHosts: '/home/tester/.ssh/known_hosts',
    tags: ['features-0x1'],
  });
  expect(entries[0]?.emulation).toBeUndefined();
  expect(entries[1]?.emulation).toBeDefined();
  expect(() => checkEmulation(entries)).not.toThrow();
});

test('codes of faults are numbers, however they are written', () => {
  const faults = [
    { command: 'SNP_LAUNCH_FINISH', status: 'BAD_SIGNATURE', insteadOf: 7, nth: 2 },
    { command: 'KVM_SEV_INIT2', errno: 'EBUSY' },
  ];
  const [entry] = load(hosts({ ...LOCAL, emulation: { profile: 'upstream-6.18', smt: false, faults } }));
  expect(entry?.emulation).toMatchObject({
    smt: false,
    faults: [
      { command: 'SNP_LAUNCH_FINISH', status: 10, insteadOf: 7, nth: 2 },
      { command: 'KVM_SEV_INIT2', errno: 16 },
    ],
  });
});

test('fills in what is not said', () => {
  expect(load(hosts(SSH, { ...LOCAL, emulation: { profile: 'upstream-6.12' } }))).toEqual([
    {
      name: 'milan-1',
      kind: 'ssh',
      address: 'milan-1.lab',
      port: 22,
      user: 'snp',
      privateKey: '/home/tester/.ssh/id',
      agent: false,
      knownHosts: '/home/tester/.ssh/known_hosts',
      slots: 1,
      directory: '/var/tmp/snp-conform',
      qemu: { default: '/usr/bin/qemu-system-x86_64' },
      tags: [],
      attestation: { suppliesCertificates: false },
    },
    {
      name: 'here',
      kind: 'local',
      slots: 1,
      directory: '/var/tmp/snp-conform',
      qemu: { default: '/usr/bin/qemu-system-x86_64' },
      tags: [],
      attestation: { suppliesCertificates: false },
      emulation: {
        ...{ profile: 'upstream-6.12', product: 'Genoa', smt: true, sockets: 1, meets: [], faults: [] },
        ...{ reportedTcb: {}, chipIdMasked: false, chipKeyMasked: false, hostCertificates: 'empty' },
      },
    },
  ]);
});

const paths: [string, string][] = [
  ['$LAB_KEY', '/keys/lab'],
  ['$' + '{LAB_KEY}.pub', '/keys/lab.pub'],
  ['~/x', '/home/tester/x'],
  ['keys/x', 'FOLDER/keys/x'],
  ['/a/~/b', '/a/~/b'],
];
for (const [given, expected] of paths) {
  test(`the path ${given} is expanded`, () => {
    const path = expected.replace('FOLDER', folder);
    expect(load(hosts({ ...SSH, privateKey: given }))[0]).toMatchObject({ privateKey: path });
    expect(load(hosts({ ...SSH, knownHosts: given }))[0]).toMatchObject({ knownHosts: path });
  });
}

const wrong: [string, unknown, string, string?][] = [
  ['no JSON', '{', 'not JSON'],
  [
    'another format',
    { format: 'snp-conform/hosts@2', hosts: [LOCAL] },
    'format: expected "snp-conform/hosts@1", got "snp-conform/hosts@2"',
  ],
  ['no hosts at all', hosts(), 'hosts: '],
  ['a list', [], 'the file: expected object, got []'],
  ['another kind', hosts({ ...LOCAL, kind: 'docker' }), 'hosts[0].kind: expected "ssh" or "local", got "docker"'],
  ['no kind', hosts({ name: 'x' }), 'hosts[0].kind: is missing: expected "ssh" or "local"'],
  ['no name', hosts({ kind: 'local' }), 'hosts[0].name: is missing: expected string'],
  [
    'a name with capitals',
    hosts({ ...LOCAL, name: 'Milan' }),
    'hosts[0].name: expected lower-case letters, digits and dashes, got "Milan"',
  ],
  ['a name twice', hosts(LOCAL, SSH, LOCAL), 'hosts[2].name: expected a name of its own, "here" is that of hosts[0]'],
  ['slots in words', hosts({ ...LOCAL, slots: 'four' }), 'hosts[0].slots: expected number, got "four"'],
  ['no slots', hosts({ ...LOCAL, slots: 0 }), 'hosts[0].slots: '],
  ['a relative directory', hosts({ ...LOCAL, directory: 'tmp/x' }), 'hosts[0].directory: expected an absolute path'],
  [
    'a directory with spaces',
    hosts({ ...LOCAL, directory: '/var/tmp/a b' }),
    'hosts[0].directory: expected a plain absolute path',
  ],
  ['a directory of the root', hosts({ ...LOCAL, directory: '/snp' }), 'at least two names deep'],
  ['a directory with ..', hosts({ ...LOCAL, directory: '/var/../x' }), 'hosts[0].directory'],
  ['a directory too long for a socket', hosts({ ...LOCAL, directory: `/var/${'x'.repeat(80)}` }), 'hosts[0].directory'],
  ['no QEMU', hosts({ ...LOCAL, qemu: {} }), 'hosts[0].qemu: expected at least one QEMU build'],
  [
    'a relative QEMU',
    hosts({ ...LOCAL, qemu: { default: 'qemu' } }),
    'hosts[0].qemu.default: expected an absolute path',
  ],
  ['a C-bit beyond 63', hosts({ ...LOCAL, cbitpos: 64 }), 'hosts[0].cbitpos'],
  ['an address with a user', hosts({ ...SSH, address: 'root@milan' }), 'hosts[0].address: expected a host name'],
  [
    'no key and no agent',
    hosts({ ...SSH, privateKey: undefined }),
    'hosts[0].privateKey: expected a private key, or "agent": true',
  ],
  ['a host key that is none', hosts({ ...SSH, hostKey: 'SHA256:abc' }), 'hosts[0].hostKey: expected a public key line'],
  ['an unset variable', hosts({ ...SSH, privateKey: '$NO_SUCH' }), 'hosts[0].privateKey: $NO_SUCH is not set'],
  ['an empty variable', hosts({ ...SSH, privateKey: '$EMPTY/x' }), 'hosts[0].privateKey: $EMPTY is not set'],
  ['a mistyped key', hosts({ ...SSH, adress: 'x' }), 'hosts[0]: unknown key "adress"', 'did you mean "address"?'],
  ['a mistyped key of the file', { ...hosts(LOCAL), host: 1 }, 'the file: unknown key "host"', 'did you mean "hosts"?'],
  [
    'a mistyped key of the emulation',
    hosts({ ...LOCAL, emulation: { profil: 'x' } }),
    'hosts[0].emulation: unknown key "profil"',
    'did you mean "profile"?',
  ],
  [
    'a product that is none',
    hosts({ ...LOCAL, emulation: { profile: 'x', product: 'Rome' } }),
    'hosts[0].emulation.product: expected one of "Milan"|"Genoa"|"Turin", got "Rome"',
  ],
  [
    'an ABI version that is a number',
    hosts({ ...LOCAL, emulation: { profile: 'x', apiVersion: 1.55 } }),
    'hosts[0].emulation.apiVersion: expected string, got 1.55',
  ],
  [
    'a policy bit that is met and not announced',
    hosts({ ...LOCAL, emulation: { profile: 'x', product: 'Milan', meets: ['RAPL_DIS'] } }),
    'hosts[0].emulation.meets[0]: expected a bit that the firmware announces: none',
  ],
  [
    'a reported TCB above what runs',
    hosts({ ...LOCAL, emulation: { profile: 'x', reportedTcb: { snp: 24 } } }),
    'hosts[0].emulation.reportedTcb.snp: expected at most 23, which runs',
  ],
  [
    'a component that the product does not have',
    hosts({ ...LOCAL, emulation: { profile: 'x', reportedTcb: { fmc: 0 } } }),
    'hosts[0].emulation.reportedTcb.fmc: Genoa has no such component',
  ],
  [
    'a component that is none',
    hosts({ ...LOCAL, emulation: { profile: 'x', reportedTcb: { bootloader: 1 } } }),
    'hosts[0].emulation.reportedTcb: unknown key "bootloader"',
    'did you mean "bootLoader"?',
  ],
  [
    'a fault of no command',
    hosts({ ...LOCAL, emulation: { profile: 'x', faults: [{ command: 'SNP_LAUNCH', status: 7 }] } }),
    'hosts[0].emulation.faults[0].command: expected a command: SEV_PLATFORM_STATUS, SNP_LAUNCH_START',
  ],
  [
    'a fault of the firmware with an errno',
    hosts({ ...LOCAL, emulation: { profile: 'x', faults: [{ command: 'SNP_ACTIVATE', errno: 'EIO', status: 7 }] } }),
    'hosts[0].emulation.faults[0]: unknown key "errno"',
    'known keys: command, status, insteadOf, nth',
  ],
  [
    'a status that is none',
    hosts({ ...LOCAL, emulation: { profile: 'x', faults: [{ command: 'SNP_ACTIVATE', status: 'BAD' }] } }),
    'hosts[0].emulation.faults[0].status: expected a status of the firmware such as "BAD_SIGNATURE", by name or number, got "BAD"',
  ],
  [
    'a call before the first',
    hosts({ ...LOCAL, emulation: { profile: 'x', faults: [{ command: 'KVM_SEV_INIT2', errno: 1, nth: 0 }] } }),
    'hosts[0].emulation.faults[0].nth: ',
  ],
  ['a key like no other', hosts({ ...LOCAL, colour: 'red' }), 'unknown key "colour"', 'known keys: kind, name'],
  [
    'a key of the other kind',
    hosts({ ...LOCAL, address: 'x' }),
    'unknown key "address"',
    '"address" is for hosts of the kind "ssh"',
  ],
];
for (const [what, document, says, hint] of wrong) {
  test(`refuses ${what}, and says where`, () => {
    let thrown: unknown;
    try {
      load(document);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(HarnessError);
    expect(thrown).toMatchObject({
      code: 'HOSTS_INVALID',
      what: expect.stringContaining(says),
      // The hint of one thing stands alone; that of several stands beside each.
      message: expect.stringContaining(hint ?? says),
      where: join(folder, 'hosts.json'),
    });
  });
}

test('says all that is wrong at once, the mistyped key before what it leaves missing', () => {
  const load2 = () => load(hosts({ ...SSH, address: undefined, adress: 'x', slots: 0 }));
  expect(load2).toThrow(
    /3 things are wrong:\s+hosts\[0\]: unknown key "adress" \(did you mean "address"\?\)\s+hosts\[0\]\./,
  );
});

test('a file that is not there is FILE_UNREADABLE', () => {
  expect(() => loadHosts(join(folder, 'absent.json'))).toThrow('FILE_UNREADABLE');
});

test.describe('a session to a host of the file', () => {
  let sshd: Sshd;
  test.beforeAll(async () => {
    sshd = await startSshd();
  });
  test.afterAll(async () => {
    await sshd.stop();
  });

  test('opens over SSH, and locally', async () => {
    const ssh = { ...SSH, address: '127.0.0.1', port: sshd.port, user: sshd.user, privateKey: sshd.userKeyPath };
    for (const entry of load(hosts({ ...ssh, hostKey: sshd.hostKeyLine }, LOCAL))) {
      const session = await openHostSession(entry, {});
      expect(session.name).toBe(entry.name);
      expect((await session.run(['echo', entry.name])).stdout).toBe(`${entry.name}\n`);
      await session.close();
    }
  });

  test('with the agent and no SSH_AUTH_SOCK says so', async () => {
    const [entry] = load(hosts({ ...SSH, privateKey: undefined, agent: true }));
    if (entry === undefined) throw new Error('no entry');
    await expect(openHostSession(entry, {})).rejects.toMatchObject({
      code: 'SSH_AUTH',
      what: expect.stringContaining('SSH_AUTH_SOCK'),
    });
  });
});
