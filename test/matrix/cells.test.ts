import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type PlannedCell, planCells } from '../../lib/matrix/cells.ts';
import { type Matrix, matrixSchema } from '../../lib/matrix/matrix-file.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';
import { matrix } from './matrices.ts';

const WHERE = 'matrix.json';
const plan = (of: Matrix, tags: readonly string[] = []): PlannedCell[] => planCells(of, tags, WHERE);
const ids = (planned: readonly PlannedCell[]): string[] => planned.map(({ cell }) => cell.id);
const running = (planned: readonly PlannedCell[]): string[] =>
  ids(planned.filter(({ excludedBecause }) => excludedBecause === undefined));

test('an id names what people look for, and nothing that is the same in every cell', () => {
  expect(ids(plan(matrix()))).toEqual(['amdsev/no-kernel/policy-0x30000/features-0x1/1-vcpu/EPYC-v4']);
});

test('an id names every axis with a choice', () => {
  const [id] = ids(
    plan(matrix({ kernel: ['stable'], initrd: ['debian', null], append: ['quiet', null], qemu: ['a', 'b'] })),
  );
  expect(id).toMatch(/^amdsev\/stable\/initrd-debian\/append-[0-9a-f]{8}\/.*\/EPYC-v4\/qemu-a$/);
});

// A published digest is looked up by the id of its cell.
test('the ids of cells do not depend on the order of an axis', () => {
  const axes = {
    firmware: ['amdsev', 'other'],
    kernel: ['stable', '10', null],
    append: ['console=ttyS0', 'quiet', null],
    guestFeatures: ['0x1', '0x21'],
    vcpus: [1, 2],
  };
  const byAppend = (of: Matrix) =>
    new Map(plan(of).map(({ cell }) => [cell.id, JSON.stringify([cell.append, cell.vcpus, cell.kernel])]));
  const want = byAppend(matrix(axes));
  fc.assert(
    fc.property(
      fc.shuffledSubarray(axes.append, { minLength: 3 }),
      fc.shuffledSubarray(axes.kernel, { minLength: 3 }),
      (append, kernel) => {
        expect(byAppend(matrix({ ...axes, append, kernel }))).toEqual(want);
      },
    ),
  );
});

test('the order of cells is that of the file', () => {
  expect(
    ids(plan(matrix({ firmware: ['other', 'amdsev'], vcpus: [2, 1] }))).map((id) =>
      id.replace(/no-kernel.*features-0x1\//, ''),
    ),
  ).toEqual(['other/2-vcpu/EPYC-v4', 'other/1-vcpu/EPYC-v4', 'amdsev/2-vcpu/EPYC-v4', 'amdsev/1-vcpu/EPYC-v4']);
});

test('the same launch is one cell, however it is written', () => {
  expect(plan(matrix({ guestPolicy: ['0x30000', 196608, '196608', '0x00030000'], vcpus: [1, 1] }))).toHaveLength(1);
  expect(
    plan(matrix({ kernel: [null], initrd: ['debian', null], append: ['a', 'b'] })),
    'no kernel, nothing to boot it with',
  ).toHaveLength(1);
});

test('without a kernel there is no initrd and no command line', () => {
  const [planned] = plan(matrix({ kernel: [null], initrd: ['debian'], append: ['quiet'] }));
  expect(planned?.cell).toMatchObject({ kernel: null, initrd: null, append: null });
});

test('a rule leaves out what matches all of its keys, and says why', () => {
  const planned = plan(
    matrix({ vcpus: [1, 2, 4], firmware: ['amdsev', 'other'] }, [{ why: 'small', firmware: 'other', vcpus: [2, 4] }]),
  );
  const out = planned.filter(({ excludedBecause }) => excludedBecause !== undefined);
  expect(out.map(({ cell, excludedBecause }) => [cell.firmware, cell.vcpus, excludedBecause])).toEqual([
    ['other', 2, 'small'],
    ['other', 4, 'small'],
  ]);
});

test('a rule with host tags counts only for hosts that have one of them', () => {
  const tagged = matrix({ guestFeatures: ['0x1', '0x21'] }, [
    { why: 'off', hostTags: ['a', 'b'], guestFeatures: '0x21' },
  ]);
  expect([[], ['c'], ['b'], ['c', 'a']].map((tags) => running(plan(tagged, tags)).length)).toEqual([2, 2, 1, 1]);
});

test('numbers of a rule match however they are written', () => {
  for (const written of ['0x21', '33', 33, '0X21', ['0x5', 33]]) {
    const ruled = matrix({ guestFeatures: ['0x1', '0x21'] }, [{ why: 'x', guestFeatures: written }]);
    expect(running(plan(ruled)), JSON.stringify(written)).toHaveLength(1);
  }
  expect(running(plan(matrix({ vcpus: [1, 16] }, [{ why: 'x', vcpus: '0x10' }])))).toHaveLength(1);
});

test('names are no numbers', () => {
  const ruled = matrix({ kernel: ['stable', '10'] }, [{ why: 'x', kernel: '0xa' }]);
  expect(running(plan(ruled))).toHaveLength(2);
});

test('a rule for null is one for what is absent', () => {
  const ruled = matrix({ kernel: [null, 'stable'] }, [{ why: 'x', kernel: null }]);
  expect(running(plan(ruled))).toEqual(ids(plan(matrix({ kernel: ['stable'] }))));
});

test('a cell that one combination excludes and another allows is run', () => {
  const ruled = matrix({ kernel: [null], append: ['a', 'b'] }, [{ why: 'x', append: 'a' }]);
  expect(running(plan(ruled))).toHaveLength(1);
});

for (const axis of ['firmware', 'kernel', 'initrd'] as const) {
  test(`a ${axis} that is no artifact is named, with those there are`, () => {
    const { code, what, where, hint } = harnessErrorOf(() => plan(matrix({ [axis]: ['nowhere'] })));
    expect([code, where]).toEqual(['MATRIX_INVALID', WHERE]);
    expect(what).toBe(`axes.${axis} names "nowhere", which artifacts.${axis} does not have`);
    expect(hint).toMatch(/^known there: \S+/);
  });
}

test('an artifact is not found in what every object has', () => {
  expect(harnessErrorOf(() => plan(matrix({ firmware: ['constructor'] }))).code).toBe('MATRIX_INVALID');
});

test('features that look like a guest policy are told apart from it', () => {
  const { code, what, hint } = harnessErrorOf(() => plan(matrix({ guestFeatures: ['0x30000'] })));
  expect([code, what]).toEqual([
    'GUEST_FEATURES_INVALID',
    'axes.guestFeatures has 0x30000, which lacks SNPActive (bit 0)',
  ]);
  expect(hint).toContain('this looks like a guest policy');
  expect(harnessErrorOf(() => plan(matrix({ guestFeatures: ['0x20'] }))).hint).not.toContain('policy');
});

test('a matrix that nobody could run is refused before it is expanded', () => {
  const many = Array.from({ length: 512 }, (_, index) => index + 1);
  const policies = Array.from({ length: 512 }, (_, index) => 0x30000 + index);
  const { code, what } = harnessErrorOf(() => plan(matrix({ vcpus: many, guestPolicy: policies })));
  expect([code, what]).toEqual(['MATRIX_INVALID', '262144 combinations, more than 100000']);
});

test('the example matrix is 40 cells or more over two hosts, each launch on one of them', () => {
  const example = matrixSchema.parse(JSON.parse(readFileSync(projectPath('matrix.example.json'), 'utf8')));
  const [off, on] = ['features-0x1', 'features-0x21'].map((tag) => running(plan(example, [tag])));
  const all = [...(off ?? []), ...(on ?? [])];
  expect(all.length).toBeGreaterThanOrEqual(40);
  expect(new Set(all).size).toBe(all.length);
  expect(off?.every((id) => id.includes('/features-0x1/'))).toBe(true);
  expect(on?.every((id) => id.includes('/features-0x21/'))).toBe(true);
});

test('guest features may be names, also in rules, and reserved bits are refused unless asked for', () => {
  const named = matrix({ guestFeatures: ['SNPActive+DebugSwap', '0x1'] });
  expect(ids(plan(named)).map((id) => id.split('/')[3])).toEqual(['features-0x21', 'features-0x1']);
  const rule = { why: 'no DebugSwap', guestFeatures: 'debugswap+snpactive' };
  expect(running(plan({ ...named, exclude: [rule] }))).toHaveLength(1);
  const reserved = matrix({ guestFeatures: ['0x801'] });
  const error = harnessErrorOf(() => plan(reserved));
  expect(error.code).toBe('GUEST_FEATURES_INVALID');
  expect(error.what).toContain('bit 11 is reserved');
  expect(plan({ ...reserved, allowReservedFeatures: true })).toHaveLength(1);
  expect(() => matrix({ guestFeatures: ['SNPActve'] })).toThrow('did you mean SNPActive?');
});
