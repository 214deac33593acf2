import fc from 'fast-check';
import { PAGE_TYPE } from '../../lib/abi/page-info.ts';
import type { Evidence, TraceEvent } from '../../lib/evidence/schema.ts';
import type { Check } from '../../lib/finding.ts';
import { judge } from '../../lib/judge/judge.ts';
import { tracedRegions } from '../../lib/judge/page-list.ts';
import type { Prediction } from '../../lib/measure/inputs.ts';
import { expect, test } from '../support/test.ts';
import { BEGINNING, evidence, FINISH, prediction, RUNNING, refusal, UPDATES, update } from './made-evidence.ts';

function pageList(of: Evidence, by: Prediction = prediction): Check | undefined {
  return judge(by, of).checks.find(({ name }) => name === 'page-list');
}

const traced = (updates: readonly TraceEvent[]): Evidence =>
  evidence({ outcome: { trace: [...BEGINNING, ...updates, FINISH, RUNNING] } });

/** The updates with one place changed. */
const changed = (index: number, by: TraceEvent): TraceEvent[] => UPDATES.map((line, at) => (at === index ? by : line));

test('the page list passes when QEMU handed over what was predicted', () => {
  expect(pageList(evidence())).toMatchObject({ status: 'pass', expected: '7 regions', observed: '7 regions' });
});

const DIFFERENCES: readonly (readonly [string, readonly TraceEvent[], string, string])[] = [
  [
    'another address',
    changed(2, update(0x80_b000, 0x3000, 'Zero')),
    '#2 Zero 0x80a000+0x3000',
    '#2 Zero 0x80b000+0x3000',
  ],
  [
    'another length',
    changed(6, update(0x81_0000, 0x8000, 'Zero')),
    '#6 Zero 0x810000+0x10000',
    '#6 Zero 0x810000+0x8000',
  ],
  [
    'another type',
    changed(5, update(0x80_f000, 0x1000, 'Zero')),
    '#5 Normal 0x80f000+0x1000',
    '#5 Zero 0x80f000+0x1000',
  ],
  [
    'a type without a name',
    changed(3, update(0x80_d000, 0x1000, 'unknown')),
    '#3 Secrets 0x80d000+0x1000',
    '#3 unknown 0x80d000+0x1000',
  ],
  ['a missing region', UPDATES.slice(0, 6), '#6 Zero 0x810000+0x10000', '#6 nothing'],
  ['a region too many', [...UPDATES, update(0x90_0000, 0x1000, 'Zero')], '#7 nothing', '#7 Zero 0x900000+0x1000'],
  ['no region at all', [], '#0 Normal 0xffc00000+0x400000', '#0 nothing'],
];

for (const [difference, updates, expected, observed] of DIFFERENCES) {
  test(`the page list names ${difference}`, () => {
    expect(pageList(traced(updates))).toMatchObject({ status: 'fail', expected, observed });
  });
}

test('a page type that only looks like the predicted one fails', () => {
  const updates = changed(6, update(0x81_0000, 0x1_0000, 'Zero\u200b'));
  expect(pageList(traced(updates))).toMatchObject({ status: 'fail', observed: '#6 Zero 0x810000+0x10000' });
});

test('the page list names the first of two regions that changed places', () => {
  const [first, second, third, ...rest] = UPDATES;
  if (first === undefined || second === undefined || third === undefined) throw new Error('too few updates');
  expect(pageList(traced([first, third, second, ...rest]))).toMatchObject({
    status: 'fail',
    expected: '#1 Zero 0x800000+0x9000',
    observed: '#1 Zero 0x80a000+0x3000',
  });
});

test('a region that KVM took in several parts is one region', () => {
  const parts = [0xffc0_0000, 0xffd0_0000, 0xffd0_0000, 0xffff_f000].map((gpa) => update(gpa, 2 ** 32 - gpa, 'Normal'));
  expect(pageList(traced([...parts, ...UPDATES.slice(1)]))?.status).toBe('pass');
});

test('however KVM cuts the regions, the trace gives them back', () => {
  const cuts = fc.array(fc.array(fc.nat(15), { maxLength: 4 }), { minLength: 7, maxLength: 7 });
  fc.assert(
    fc.property(cuts, (all) => {
      const lines = UPDATES.flatMap((line, index) => {
        if (line.event !== 'launch_update') return [];
        const gpa = Number(line.gpa);
        const offsets = (all[index] ?? []).map((page) => page * 0x1000).filter((offset) => offset < line.bytes);
        return [0, ...offsets.sort((a, b) => a - b)].map((offset) =>
          update(gpa + offset, line.bytes - offset, line.pageType),
        );
      });
      expect(tracedRegions(lines)).toEqual(tracedRegions(UPDATES));
      expect(tracedRegions(lines)).toHaveLength(7);
    }),
  );
});

test('lines that end together are two regions when type or direction differ', () => {
  const before = update(0x1000, 0x3000, 'Zero');
  expect(tracedRegions([before, update(0x2000, 0x2000, 'Normal')])).toHaveLength(2);
  expect(tracedRegions([before, update(0x2000, 0x2000, 'Zero'), update(0x1000, 0x3000, 'Zero')])).toHaveLength(2);
  expect(tracedRegions([before, update(0x2000, 0x1000, 'Zero')])).toHaveLength(2);
});

test('what QEMU hands over after its first launch is not compared', () => {
  const again = [...BEGINNING, update(0x1000, 0x1000, 'Zero'), FINISH, RUNNING];
  expect(
    pageList(evidence({ outcome: { trace: [...BEGINNING, ...UPDATES, FINISH, RUNNING, ...again] } }))?.status,
  ).toBe('pass');
});

test('without pages in the trace of a launch refused at START there is nothing to compare', () => {
  const outcome = {
    state: 'refused',
    refusal: refusal('SNP_LAUNCH_START', -5, 7, 'Policy is not allowed'),
    trace: [...BEGINNING].slice(0, 2),
    report: null,
  } as const;
  expect(pageList(evidence({ outcome: { ...outcome, trace: [...outcome.trace] } }))).toMatchObject({
    status: 'not-applicable',
    detail: "QEMU's trace has no pages: the launch never came to them",
  });
});

test('a guest that ran without a page in the trace fails the page list', () => {
  expect(pageList(evidence({ outcome: { trace: [RUNNING] } }))).toMatchObject({
    status: 'fail',
    observed: '#0 nothing',
  });
});

test('a launch that broke off is compared as far as it came, and does not pass for it', () => {
  const brokeOff = (updates: readonly TraceEvent[]): Evidence =>
    evidence({
      outcome: {
        state: 'refused',
        refusal: refusal('SNP_LAUNCH_UPDATE', -5, 22, 'Invalid parameter'),
        trace: [...BEGINNING, ...updates],
        report: null,
      },
    });
  expect(pageList(brokeOff(UPDATES.slice(0, 5)))).toMatchObject({
    status: 'not-applicable',
    detail: 'the launch broke off after 5 of 7 regions, those as predicted',
  });
  const wrong = pageList(brokeOff([...UPDATES.slice(0, 4), update(0x80_e000, 0x2000, 'Cpuid')]));
  expect(wrong).toMatchObject({ status: 'fail', observed: '#4 Cpuid 0x80e000+0x2000' });
});

test('an image of unknown size is left out of the comparison, and the check says so', () => {
  const withoutImage = { ...prediction, regions: prediction.regions.slice(1) };
  expect(pageList(evidence(), withoutImage)).toMatchObject({
    status: 'pass',
    expected: '6 regions',
    detail: 'QEMU handed over the predicted pages; the size of the image is not known',
  });
  expect(pageList(traced(UPDATES.slice(1)), withoutImage)?.status).toBe('pass');
  expect(pageList(traced(changed(0, update(0x1000, 0x1000, 'Normal'))), withoutImage)?.status).toBe('fail');
});

test('a prediction without regions passes nothing', () => {
  expect(pageList(evidence(), { ...prediction, regions: [] })?.status).toBe('not-applicable');
});

test('a predicted type that QEMU never hands over is named by its number', () => {
  const regions = [{ gpa: 0x1000n, bytes: 0x1000, pageType: PAGE_TYPE.VMSA }];
  expect(pageList(evidence(), { ...prediction, regions })).toMatchObject({ expected: '#0 type 2 0x1000+0x1000' });
});
