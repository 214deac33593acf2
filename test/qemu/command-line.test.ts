import { type QemuLaunch, qemuArgv } from '../../lib/qemu/command-line.ts';
import { expect, test } from '../support/test.ts';

const LAUNCH: QemuLaunch = {
  binary: '/usr/bin/qemu-system-x86_64',
  directory: '/var/tmp/snp-conform/run/0123456789',
  firmware: '/fw/OVMF.fd',
  kernel: null,
  initrd: null,
  append: null,
  vcpus: 4,
  vcpuType: 'EPYC-v4',
  guestPolicy: 0x30000n,
  cbitpos: 51,
  idBlock: null,
  idAuth: null,
  authorKeyEnabled: false,
  hostData: 'DQ0=',
  memoryMiB: 256,
  guestArguments: [],
};

/** Every value that follows an option, in order. */
function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.flatMap((word, index) => (word === option ? [argv[index + 1] ?? ''] : []));
}

/** An option's value as QEMU takes it apart: commas separate, doubled commas are commas. */
function parsed(value: string): Record<string, string> {
  const parts = value.replaceAll(',,', '\0').split(',');
  return Object.fromEntries(
    parts
      .map((part) => part.replaceAll('\0', ',').split(/=(.*)/s).slice(0, 2))
      .map(([key = '', text = '']) => [key, text]),
  );
}

const sevOf = (change: Partial<QemuLaunch>): Record<string, string> => {
  const [sev] = valuesOf(qemuArgv({ ...LAUNCH, ...change }), '-object').filter((value) =>
    value.startsWith('sev-snp-guest,'),
  );
  return parsed(sev ?? '');
};

test('the SNP object carries policy, C-bit and host data, and no identity that was not given', () => {
  expect(sevOf({})).toEqual({
    'sev-snp-guest': '',
    id: 'sev0',
    cbitpos: '51',
    'reduced-phys-bits': '1',
    policy: '0x30000',
    'kernel-hashes': 'off',
    'host-data': 'DQ0=',
  });
});

test('the guest policy is written whole', () => {
  expect(sevOf({ guestPolicy: 0x8000_0000_000b_0000n }).policy).toBe('0x80000000000b0000');
});

test('an identity goes along, its author key only where it is enabled', () => {
  const identity = { idBlock: 'aWQ=', idAuth: 'YXV0aA==', authorKeyEnabled: true };
  expect(sevOf(identity)).toMatchObject({ 'id-block': 'aWQ=', 'id-auth': 'YXV0aA==', 'author-key-enabled': 'on' });
  expect(sevOf({ ...identity, authorKeyEnabled: false })).not.toHaveProperty('author-key-enabled');
});

test('an ID block goes without ID auth where none is given: KVM is the one to refuse it', () => {
  const sev = sevOf({ idBlock: 'aWQ=' });
  expect(sev).toHaveProperty('id-block');
  expect(sev).not.toHaveProperty('id-auth');
});

// Without kernel-hashes=on a kernel changes nothing in the digest, and with it but without a kernel QEMU aborts.
test('kernel hashes are on exactly where there is a kernel', () => {
  expect(sevOf({ kernel: '/k' })['kernel-hashes']).toBe('on');
  expect(sevOf({})['kernel-hashes']).toBe('off');
});

test('kernel, initrd and command line are given as they are, or not at all', () => {
  const append = "console=ttyS0 root='a b',c  x=$HOME\t";
  const argv = qemuArgv({ ...LAUNCH, kernel: '/k', initrd: '/i', append });
  expect([valuesOf(argv, '-kernel'), valuesOf(argv, '-initrd'), valuesOf(argv, '-append')]).toEqual([
    ['/k'],
    ['/i'],
    [append],
  ]);
  expect(valuesOf(qemuArgv({ ...LAUNCH, kernel: '/k', append: '' }), '-append'), 'an empty one is one').toEqual(['']);
  const bare = qemuArgv(LAUNCH);
  for (const option of ['-kernel', '-initrd', '-append']) expect(bare).not.toContain(option);
});

test('a comma in a path cannot add an option', () => {
  const argv = qemuArgv({ ...LAUNCH, directory: '/run/a,server=off' });
  const sockets = valuesOf(argv, '-chardev')
    .filter((value) => value.startsWith('socket'))
    .map(parsed);
  expect(sockets).toEqual([
    { socket: '', id: 'qmp', path: '/run/a,server=off/qmp', server: 'on', wait: 'off' },
    { socket: '', id: 'agent', path: '/run/a,server=off/agent', server: 'on', wait: 'off' },
  ]);
});

test('the guest starts stopped, without what a user’s configuration would add, and never reboots', () => {
  const argv = qemuArgv(LAUNCH);
  for (const option of ['-S', '-no-reboot', '-nodefaults', '-no-user-config']) expect(argv).toContain(option);
  expect(argv[0]).toBe(LAUNCH.binary);
});

test('the first serial port is the console, the second the agent’s', () => {
  expect(valuesOf(qemuArgv(LAUNCH), '-serial')).toEqual(['chardev:console', 'chardev:agent']);
});

test('the measured inputs are those of the launch', () => {
  const argv = qemuArgv(LAUNCH);
  expect(valuesOf(argv, '-bios')).toEqual(['/fw/OVMF.fd']);
  expect(valuesOf(argv, '-smp')).toEqual(['4']);
  expect(valuesOf(argv, '-cpu')).toEqual(['EPYC-v4']);
  expect(parsed(valuesOf(argv, '-machine')[0] ?? '')).toMatchObject({
    'confidential-guest-support': 'sev0',
    'memory-backend': 'ram0',
  });
});

test('arguments of the guest’s channel stand after all others, as they are', () => {
  const guestArguments = ['-device', 'vhost-vsock-pci,guest-cid=70000'];
  expect(qemuArgv({ ...LAUNCH, guestArguments })).toEqual([...qemuArgv(LAUNCH), ...guestArguments]);
});
