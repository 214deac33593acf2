import { buildIdBlock } from '../../lib/identity/id-block.ts';
import { readArgv } from '../../lib/qemu/argv-file.ts';
import { digestFinding } from '../../lib/qemu/id-block-rules.ts';
import { LAUNCH_RULES, launchFindings } from '../../lib/qemu/launch-findings.ts';
import { parseLaunch } from '../../lib/qemu/launch-options.ts';
import { expect, test } from '../support/test.ts';

const base64 = (bytes: number): string => Buffer.alloc(bytes).toString('base64');
const GOOD = {
  accel: '-accel kvm',
  machine: '-machine q35,confidential-guest-support=sev0,memory-backend=ram1',
  cpu: '-cpu EPYC-v4',
  smp: '-smp 2 -m 2048M',
  memory: '-object memory-backend-memfd,id=ram1,size=2048M,share=true',
  object: '-object sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000',
  firmware: '-bios OVMF.fd',
  more: '',
};

/** `severity id` of all findings but information, of a good launch with changes. */
function found(
  changes: Partial<Record<keyof typeof GOOD, string>>,
  given = { firmware: false, vcpuSignature: false },
): string[] {
  const line = `qemu-system-x86_64 ${Object.values({ ...GOOD, ...changes }).join(' ')}`;
  return launchFindings({ launch: parseLaunch(readArgv(Buffer.from(line))), given })
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, id }) => `${severity} ${id}`);
}

const idBlock = (policy: bigint): string =>
  Buffer.from(buildIdBlock({ launchDigest: new Uint8Array(48).fill(7), policy })).toString('base64');
const withKernel = { more: '-kernel k', object: `${GOOD.object},kernel-hashes=on` };

/** Changes of a good launch and all that is found then. */
const CASES: readonly (readonly [string, Partial<Record<keyof typeof GOOD, string>>, readonly string[]])[] = [
  ['a good launch', {}, []],
  ['a good launch with a kernel', withKernel, []],
  ['no object', { object: '' }, ['error no-snp-object']],
  ['an object of SEV', { object: '-object sev-guest,id=sev0,cbitpos=51,reduced-phys-bits=1' }, ['error no-snp-object']],
  ['no link', { machine: '-machine q35' }, ['error not-linked']],
  ['a wrong link', { machine: '-machine q35,confidential-guest-support=sev1' }, ['error not-linked']],
  ['the old link', { machine: '-machine q35,memory-encryption=sev0' }, ['warning memory-encryption']],
  [
    'two links',
    { machine: '-machine q35,memory-encryption=sev1,confidential-guest-support=sev0' },
    ['error support-twice', 'warning memory-encryption'],
  ],
  ['SMM', { more: '-machine smm=on' }, ['error smm-on']],
  ['no irqchip', { more: '-machine kernel-irqchip=off' }, ['error irqchip-off']],
  ['IGVM', { more: '-machine igvm-cfg=i -object igvm-cfg,id=i,file=f' }, ['error igvm']],
  ['no accelerator', { accel: '' }, ['warning accelerator-default']],
  ['TCG', { accel: '-accel tcg' }, ['error accelerator']],
  ['TCG before KVM', { accel: '-machine accel=tcg:kvm' }, ['error accelerator']],
  ['-cpu host', { cpu: '-cpu host' }, ['error vcpu-type']],
  ['-cpu max,-x', { cpu: '-cpu max,-x' }, ['error vcpu-type']],
  ['no -cpu', { cpu: '' }, ['warning vcpu-type-default']],
  ['a CPU device', { more: '-device EPYC-v4-x86_64-cpu,socket-id=1' }, ['error cpu-device']],
  ['memory of two sizes', { smp: '-smp 2 -m 1G' }, ['error memory-backend']],
  ['memory of no object', { memory: '' }, ['error memory-backend']],
  ['-readconfig', { more: '-readconfig f' }, ['error not-read']],
  ['-set of a drive', { more: '-set drive.d.if=pflash' }, ['error not-read']],
  ['-set of an object', { more: '-set object.sev0.policy=1' }, ['error option-malformed']],
  ['-set of a device', { more: '-set device.d.x=1' }, []],
  [
    'a global of no CPU',
    { cpu: '', more: '-global x86_64-cpu.model=2' },
    ['error not-read', 'warning vcpu-type-default'],
  ],
  ['an id that is none', { more: '-object memory-backend-ram,id=1a,size=1M' }, ['error object-malformed']],
  [
    'text for a number in JSON',
    {
      object: `-object '${JSON.stringify({ 'qom-type': 'sev-snp-guest', id: 'sev0', cbitpos: 51, 'reduced-phys-bits': '1' })}'`,
    },
    ['error property-type'],
  ],
  ['-drive if=pflash', { more: '-drive if=pflash,unit=0,file=C.fd' }, ['error pflash']],
  ['-machine pflash0', { more: '-machine pflash0=p', firmware: '' }, ['error pflash']],
  ['-pflash', { more: '-pflash C.fd' }, ['error pflash']],
  ['no -bios', { firmware: '' }, ['error no-firmware']],
  ['-initrd alone', { more: '-initrd i -append a' }, ['error initrd-without-kernel', 'error initrd-without-kernel']],
  ['hashes of no kernel', { object: withKernel.object }, ['error hashes-without-kernel']],
  ['a kernel that is not hashed', { more: '-kernel k' }, ['warning kernel-not-measured']],
  ['-dtb', { ...withKernel, more: '-kernel k -dtb d' }, ['error dtb']],
  ['-shim', { ...withKernel, more: '-kernel k -shim s' }, ['warning shim']],
  ...['auth-key-enabled=on', 'init-flags=1', 'certs-path=f', 'debug-swap=on', 'secure-tsc=on', 'vcek-required=on'].map(
    (property) => [property, { object: `${GOOD.object},${property}` }, ['error property-not-upstream']] as const,
  ),
  ['session-file', { object: `${GOOD.object},session-file=f` }, ['error legacy-sev-property']],
  ['dh-cert-file', { object: `${GOOD.object},dh-cert-file=f` }, ['error legacy-sev-property']],
  ['another property', { object: `${GOOD.object},foo=1` }, ['error property-unknown']],
  ['no bits reduced', { object: '-object sev-snp-guest,id=sev0,cbitpos=51' }, ['error property-missing']],
  ['no cbitpos', { object: '-object sev-snp-guest,id=sev0,reduced-phys-bits=1' }, ['warning cbitpos-missing']],
  [
    'features for a policy',
    { object: `${GOOD.object},policy=0x21` },
    ['error policy-is-features', 'error policy-bit-17'],
  ],
  [
    'a policy with a zero too many',
    { object: `${GOOD.object},policy=0x300000` },
    ['error policy-bit-17', 'warning policy-kernel', 'warning policy-kernel'],
  ],
  ['a reserved policy bit', { object: `${GOOD.object},policy=0x8000000000030000` }, ['error policy-reserved']],
  ['a policy with debugging', { object: `${GOOD.object},policy=0xb0000` }, ['warning policy-debug']],
  ['no number', { object: `${GOOD.object},policy=high` }, ['error property-value']],
  ['no switch', { object: `${GOOD.object},kernel-hashes=1` }, ['error property-value']],
  ['an ID block alone', { object: `${GOOD.object},id-block=${idBlock(0x30000n)}` }, ['error id-block-alone']],
  ['an ID auth alone', { object: `${GOOD.object},id-auth=${base64(4096)}` }, ['error id-auth-alone']],
  ['an author key alone', { object: `${GOOD.object},author-key-enabled=on` }, ['error author-key-alone']],
  [
    'an ID block of another policy, not signed',
    { object: `${GOOD.object},id-block=${idBlock(0x20000n)},id-auth=${base64(4096)}` },
    ['error id-block-policy', 'error id-auth-check', 'error id-auth-check'],
  ],
  ['short host data', { object: `${GOOD.object},host-data=${base64(31)}` }, ['error base64-length']],
  ['hex host data', { object: `${GOOD.object},host-data=${'a1'.repeat(31)}` }, ['error base64-invalid']],
  [
    'a short ID block',
    { object: `${GOOD.object},id-block=${base64(95)}` },
    ['error base64-length', 'error id-block-alone'],
  ],
  ['what a shell would replace', { cpu: '-cpu "$CPU"' }, ['error value-unknown']],
  ['a count that a shell would replace', { smp: '-smp $N -m 2048M' }, ['error value-unknown']],
  ['most vCPUs that a shell would replace', { smp: '-smp 2,maxcpus=$N -m 2048M' }, ['error value-unknown']],
  ['a policy that a shell would replace', { object: `${GOOD.object},policy=$P` }, ['error value-unknown']],
  [
    'a command line that Linux cuts off',
    { ...withKernel, more: `-kernel k -append ${'a'.repeat(2048)}` },
    ['warning append-cut'],
  ],
  ['a word that a shell would replace', { more: '$MORE' }, ['warning words-unknown']],
  ['an array that a shell would fill', { more: '"$\u007bMORE[@]}"' }, ['error words-unknown']],
  ['what a script was given', { more: '"$@"' }, ['error words-unknown']],
  ['all options in words of a shell', { accel: '"$A"', cpu: '', object: '', firmware: '' }, ['error words-unknown']],
  ['devices of a shell', { more: '-netdev $NET -drive file=$DISK' }, []],
];
for (const [name, changes, expected] of CASES) {
  test(`of ${name} finds ${expected.length === 0 ? 'nothing' : expected.join(', ')}`, () => {
    expect(found(changes)).toEqual(expected);
  });
}

test('what is given beside the launch settles what it lacks', () => {
  expect(found({ cpu: '-cpu host', firmware: '' }, { firmware: true, vcpuSignature: true })).toEqual([]);
});

test('of a value that is not known nothing else is said, not even that it is measured', () => {
  const line = `qemu-kvm ${Object.values({ ...GOOD, smp: '-smp $N', firmware: '-bios $OVMF' }).join(' ')}`;
  const findings = launchFindings({
    launch: parseLaunch(readArgv(Buffer.from(line))),
    given: { firmware: false, vcpuSignature: false },
  });
  expect(findings.filter(({ what }) => /\$|-smp/.test(what)).map(({ what }) => what)).toEqual([
    '-smp "$N": only a shell knows what $N is (line 1: it is not set before)',
    '-bios "$OVMF": only a shell knows what $OVMF is (line 1: it is not set before)',
  ]);
});

test('CPU features are told to be of no effect', () => {
  const line = `qemu-kvm ${Object.values({ ...GOOD, cpu: '-cpu EPYC-Milan,+foo,stepping=2' }).join(' ')}`;
  const findings = launchFindings({
    launch: parseLaunch(readArgv(Buffer.from(line))),
    given: { firmware: false, vcpuSignature: false },
  });
  expect(findings.find(({ id }) => id === 'cpu-features')?.what).toMatch(/^no effect on the digest: \+foo of -cpu;/);
});

test('rules have ids of their own', () => {
  const ids = LAUNCH_RULES.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)]);
});

test('options without effect are listed once', () => {
  const launch = parseLaunch(readArgv(Buffer.from('qemu-kvm -m 1G -device a -netdev b -device c')));
  const findings = launchFindings({ launch, given: { firmware: false, vcpuSignature: false } });
  expect(findings.find(({ id }) => id === 'without-effect')?.what).toBe('no effect on the digest: -m -device -netdev');
});

test('an ID block of another digest names both', () => {
  const line = `qemu-kvm ${GOOD.machine} ${GOOD.object},id-block=${idBlock(0x30000n)}`;
  const launch = parseLaunch(readArgv(Buffer.from(line)));
  expect(digestFinding(launch, new Uint8Array(48).fill(7))).toMatchObject({ severity: 'info' });
  const other = digestFinding(launch, new Uint8Array(48).fill(8));
  expect(other).toMatchObject({ severity: 'error' });
  expect(other?.what).toMatch(/(07){48}.*(08){48}/);
});
