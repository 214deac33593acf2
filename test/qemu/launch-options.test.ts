import fc from 'fast-check';
import { readArgv } from '../../lib/qemu/argv-file.ts';
import { type QemuLaunch, qemuArgv } from '../../lib/qemu/command-line.ts';
import { launchFindings } from '../../lib/qemu/launch-findings.ts';
import { parseLaunch } from '../../lib/qemu/launch-options.ts';
import type { ParsedLaunch } from '../../lib/qemu/parsed-launch.ts';
import { expect, test } from '../support/test.ts';

const parse = (words: readonly string[]): ParsedLaunch => parseLaunch(readArgv(Buffer.from(JSON.stringify(words))));
const base64 = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((array) => Buffer.from(array).toString('base64'));
const text = fc.string({ unit: 'binary', minLength: 1 }).filter((word) => !word.includes('\0'));
const path = text.map((word) => `/${word}`);

const launches: fc.Arbitrary<QemuLaunch> = fc.record({
  binary: fc.constantFrom('/usr/bin/qemu-system-x86_64', 'qemu-kvm'),
  directory: path,
  firmware: path,
  kernel: fc.option(path),
  initrd: fc.option(path),
  append: fc.option(text),
  vcpus: fc.integer({ min: 1, max: 512 }),
  vcpuType: fc.constantFrom('EPYC-v4', 'EPYC-Milan,-x,+y', 'EPYC-v4,family=25,model=17,stepping=1'),
  guestPolicy: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  cbitpos: fc.integer({ min: 0, max: 63 }),
  idBlock: fc.option(base64(96)),
  idAuth: fc.option(base64(4096)),
  authorKeyEnabled: fc.boolean(),
  hostData: base64(32),
  memoryMiB: fc.integer({ min: 1, max: 1 << 20 }),
  guestArguments: fc.constant([]),
});

test('every field of a launch comes back from its own command line', () => {
  fc.assert(
    fc.property(launches, (launch) => {
      const parsed = parse(qemuArgv(launch));
      expect(parsed.findings).toEqual([]);
      const snp = parsed.snp;
      const encoded = (bytes: Uint8Array | null | undefined) => bytes && Buffer.from(bytes).toString('base64');
      expect({
        binary: parsed.binary,
        firmware: parsed.firmware?.value,
        kernel: parsed.kernel?.value ?? null,
        initrd: parsed.initrd?.value ?? null,
        append: parsed.append?.value ?? null,
        vcpus: parsed.vcpus,
        vcpuType: parsed.cpu?.value,
        guestPolicy: snp?.policy,
        kernelHashes: snp?.kernelHashes,
        cbitpos: snp?.cbitpos,
        idBlock: encoded(snp?.idBlock),
        idAuth: encoded(snp?.idAuth),
        authorKeyEnabled: snp?.authorKeyEnabled,
        hostData: encoded(snp?.hostData),
        memoryBytes: parsed.memoryBytes,
        supportId: parsed.supportId?.value,
      }).toEqual({
        binary: launch.binary,
        firmware: launch.firmware,
        kernel: launch.kernel,
        initrd: launch.initrd,
        append: launch.append,
        vcpus: launch.vcpus,
        vcpuType: launch.vcpuType,
        guestPolicy: launch.guestPolicy,
        kernelHashes: launch.kernel !== null,
        cbitpos: BigInt(launch.cbitpos),
        idBlock: launch.idBlock,
        idAuth: launch.idAuth,
        authorKeyEnabled: launch.authorKeyEnabled,
        hostData: launch.hostData,
        memoryBytes: BigInt(launch.memoryMiB) << 20n,
        supportId: 'sev0',
      });
    }),
    { numRuns: 60 },
  );
});

/** As libvirt writes it: objects as JSON, -blockdev, one -machine with many keys. */
const LIBVIRT_STYLE = [
  '/usr/bin/qemu-system-x86_64',
  ...['-name', 'guest=snp,debug-threads=on', '-S', '-no-user-config', '-nodefaults'],
  ...['-object', '{"qom-type":"secret","id":"masterKey0","format":"raw","file":"/var/lib/libvirt/k.aes"}'],
  ...[
    '-machine',
    'pc-q35-9.1,usb=off,dump-guest-core=off,memory-backend=pc.ram,confidential-guest-support=lsec0,acpi=on',
  ],
  ...['-accel', 'kvm', '-cpu', 'EPYC-Milan,x2apic=on,hypervisor=on', '-bios', '/usr/share/ovmf/OVMF.amdsev.fd'],
  ...[
    '-m',
    'size=2097152k',
    '-object',
    '{"qom-type":"memory-backend-memfd","id":"pc.ram","share":true,"size":2147483648}',
  ],
  ...['-overcommit', 'mem-lock=off', '-smp', '2,maxcpus=4,sockets=4,cores=1,threads=1', '-uuid', 'c7a5fdbd'],
  ...['-kernel', '/vm/k', '-append', 'console=ttyS0 -x', '-device', '{"driver":"virtio-rng-pci","id":"rng0"}'],
  '-object',
  '{"qom-type":"sev-snp-guest","id":"lsec0","cbitpos":51,"reduced-phys-bits":1,"policy":196608,"kernel-hashes":true}',
];

test('reads the command line that libvirt writes', () => {
  const launch = parse(LIBVIRT_STYLE);
  expect(launch).toMatchObject({
    vcpus: 2,
    cpu: { value: 'EPYC-Milan,x2apic=on,hypervisor=on' },
    memoryBytes: 2n << 30n,
  });
  expect(launch).toMatchObject({
    append: { value: 'console=ttyS0 -x' },
    snp: { policy: 0x30000n, kernelHashes: true },
  });
  const found = launchFindings({ launch, given: { firmware: false, vcpuSignature: false } });
  expect(found.filter(({ severity }) => severity !== 'info')).toEqual([]);
});

test('keys of -machine, -smp and -object merge; of -cpu and -bios the last one counts, and that is said', () => {
  const launch = parse(['-M', 'q35', '-machine', 'smp.cpus=2,confidential_guest_support=a', '-smp', 'maxcpus=4,cores=4',
    '-cpu', 'EPYC', '-cpu', 'EPYC-Rome', '-bios', 'a', '-machine', 'firmware=b', '--bios', 'c']); // biome-ignore format: one line
  expect(launch).toMatchObject({ vcpus: 2, cpu: { value: 'EPYC-Rome' }, firmware: { value: 'c', from: '-bios' } });
  expect(launch.supportId?.value).toBe('a');
  expect(launch.findings.map(({ id, what }) => `${id}: ${what}`)).toEqual([
    'option-repeated: -cpu "EPYC-Rome" takes the place of -cpu "EPYC"',
    'option-repeated: -machine firmware= "b" takes the place of -bios "a"',
    'option-repeated: -bios "c" takes the place of -machine firmware= "b"',
  ]);
});

test('-global of the CPU counts as -cpu says it, which wins; that of another model does not', () => {
  const cpuOf = (cpu: string, ...globals: string[]): unknown =>
    parse(['-cpu', cpu, ...globals.flatMap((value) => ['-global', value])]).cpu?.value;
  expect(cpuOf('EPYC-v4,model=2', 'EPYC-v4-x86_64-cpu.stepping=7', 'x86_64-cpu.model=1')).toBe(
    'EPYC-v4,stepping=7,model=1,model=2',
  );
  expect(cpuOf('EPYC-v4', 'driver=EPYC-v4-x86_64-cpu,property=family,value=25')).toBe('EPYC-v4,family=25');
  expect(cpuOf('EPYC-v4', 'EPYC-v3-x86_64-cpu.model=1', 'EPYC-v4-x86_64-cpu.xlevel=5', 'cpu.model')).toBe('EPYC-v4');
});

test('an option takes its value whatever that looks like', () => {
  expect(
    parse(['-append', '-kernel', '-nographic', '-smp', '3', '-newer-option', 'x', '-bios', 'f', '-initrd']),
  ).toMatchObject({
    append: { value: '-kernel' },
    kernel: null,
    vcpus: 3,
    firmware: { value: 'f' },
    findings: [{ id: 'option-cut-off' }, { id: 'option-unknown' }],
  });
});

test('an option that QEMU would refuse is an error; one of a newer QEMU may be', () => {
  const findingsOf = (line: string) =>
    parseLaunch(readArgv(Buffer.from(`qemu-system-x86_64 ${line}`))).findings.filter(({ id }) =>
      id.startsWith('option-'),
    );
  expect(findingsOf('-cpu=EPYC-v4 -smp=2')).toMatchObject([
    { severity: 'error', what: '-cpu=EPYC-v4: QEMU has no such option', hint: expect.stringContaining('-cpu EPYC-v4') },
    { severity: 'error', what: '-smp=2: QEMU has no such option' },
  ]);
  expect(findingsOf('-bioss x.fd')).toMatchObject([{ severity: 'error', hint: 'did you mean -bios?' }]);
  expect(findingsOf('-quantum-teleport on')).toMatchObject([{ id: 'option-unknown', severity: 'warning' }]);
});
