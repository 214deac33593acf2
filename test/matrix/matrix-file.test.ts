import { checked } from '../../lib/evidence/json-file.ts';
import { matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';
import { matrixJson } from './matrices.ts';

const WHERE = 'matrix.json';
const trouble = (value: unknown): string =>
  harnessErrorOf(() => checked(matrixSchema, value, 'MATRIX_INVALID', WHERE)).message;

test('an axis that is left out has its default', () => {
  const { axes } = checked(matrixSchema, matrixJson(), 'MATRIX_INVALID', WHERE);
  expect(axes).toMatchObject({
    kernel: [null],
    initrd: [null],
    append: [null],
    guestPolicy: ['0x30000'],
    guestFeatures: ['0x1'],
    qemu: ['default'],
  });
});

const WRONG: readonly [title: string, value: unknown, message: string][] = [
  ['a mistyped axis', matrixJson({ vcpuTypes: ['EPYC-v4'] }), 'axes: unknown name "vcpuTypes"'],
  ['a mistyped axis of a rule', matrixJson({}, [{ why: 'x', vcpu: 1 }]), 'exclude[0]: unknown name "vcpu"'],
  ['a rule without a reason', matrixJson({}, [{ vcpus: 1 }]), 'exclude[0].why: '],
  ['an empty axis', matrixJson({ vcpus: [] }), 'axes.vcpus: '],
  ['no vCPU', matrixJson({ vcpus: [1, 0] }), 'axes.vcpus[1]: '],
  ['half a vCPU', matrixJson({ vcpus: [1.5] }), 'axes.vcpus[0]: '],
  [
    'a policy in words',
    matrixJson({ guestPolicy: ['default'] }),
    'axes.guestPolicy[0]: expected a number of at most 64 bits',
  ],
  ['a negative policy', matrixJson({ guestPolicy: [-1] }), 'axes.guestPolicy[0]: '],
  ['a policy of 65 bits', matrixJson({ guestPolicy: ['0x10000000000000000'] }), 'axes.guestPolicy[0]: '],
  ['a decimal policy of 65 bits', matrixJson({ guestPolicy: ['18446744073709551616'] }), 'axes.guestPolicy[0]: '],
  ['a vCPU type with a slash', matrixJson({ vcpuType: ['EPYC/v4'] }), 'axes.vcpuType[0]: '],
  ['a vCPU type that would write on the terminal', matrixJson({ vcpuType: ['\u001b[2J'] }), 'axes.vcpuType[0]: '],
  ['another format', { ...matrixJson(), format: 'snp-conform/matrix@2' }, 'format: '],
  ['no object', [], 'the document: '],
];

for (const [title, value, message] of WRONG) {
  test(`${title} is refused with its place`, () => {
    expect(trouble(value)).toContain(`MATRIX_INVALID: ${message}`);
    expect(trouble(value)).toContain(`(${WHERE})`);
  });
}

test('the largest 64-bit number is a number', () => {
  const value = matrixJson({ guestPolicy: ['18446744073709551615', '0xffffffffffffffff'] });
  expect(matrixSchema.safeParse(value).success).toBe(true);
});
