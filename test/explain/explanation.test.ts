import { BlockSearch, combinationsOf, stateOfHit } from '../../lib/explain/block-search.ts';
import { adviceText, countCause, explanationsOf } from '../../lib/explain/explanation.ts';
import { digestOfState } from '../../lib/explain/reproduce.ts';
import { expect, test } from '../support/test.ts';
import { Dice, SMALL_IMAGES, sceneOf } from './plants.ts';

const { known } = sceneOf(new Dice(11), SMALL_IMAGES);
const search = new BlockSearch(known);

/** The hits of a block that changes so many subjects of these names. */
function hitsOf(...names: readonly string[]) {
  const index = search.blocks.findIndex((block) => {
    const own = [
      ...(block.profile === null ? [] : [block.profile.change.to]),
      ...[...block.trunk, ...block.vmsa].map(({ name }) => name),
    ];
    return !block.countFree && own.length === names.length && names.every((name) => own.includes(name));
  });
  return combinationsOf(search, index).map(({ hit }) => hit);
}

const explained = (hits: ReturnType<typeof hitsOf>, of = hits[0]) =>
  of === undefined ? [] : explanationsOf(search, known, hits, digestOfState(stateOfHit(search.base, of)), 'observed');

test('a profile with registers of its own is told as one changed input, in the order of inputs', () => {
  const [hit] = hitsOf('qemu-pre-init2', 'registers core', 'initrd top').filter(({ options }) =>
    options.some(({ change }) => change.to?.endsWith('CR4.MCE 0')),
  );
  const [explanation] = explained(hit === undefined ? [] : [hit]);
  expect(explanation?.changes).toEqual([
    { input: 'vmmProfile', from: 'qemu-init2', to: 'qemu-pre-init2 with CR4.MCE 0' },
    { input: 'initrd', from: known.initrd?.name, to: null },
  ]);
  expect(explanation?.cause).toBe('fpu-state');
});

test('the count of vCPUs is told with what it is most likely: none, maxcpus, one, or another', () => {
  const of = { ...known, maxVcpus: 8, launch: { ...known.launch, vcpus: 4 } };
  expect([0, 8, 1, 7].map((count) => countCause(of, count))).toEqual([
    ...['vmsa-not-measured', 'vcpu-count-maxcpus', 'boot-vcpu-only', 'vcpu-count'],
  ]);
  expect(countCause({ ...of, maxVcpus: 4 }, 4)).toBe('vcpu-count');
  expect(countCause({ ...of, maxVcpus: null }, 8)).toBe('vcpu-count');
  const hit = { options: [], vcpus: 7 };
  expect(explained([hit])).toMatchObject([
    { changes: [{ input: 'vcpus', from: String(known.launch.vcpus), to: '7' }] },
  ]);
});

test('of two names of one launch the more usual one is told, and of two that are as usual the one that predict can say', () => {
  const features = hitsOf('features top').filter(({ options }) => options[0]?.change.to === '0x21');
  const [hit] = features;
  const option = hit?.options[0];
  if (hit === undefined || option === undefined) throw new Error('DebugSwap is not thought of');
  const called = (cause: 'injection' | 'secure-tsc', likelihood: 'top' | 'core', layout = false) => ({
    options: [
      { ...option, cause, likelihood, set: { ...option.set, ...(layout && { layout: 'of-the-profile' as const }) } },
    ],
    vcpus: null,
  });
  expect(explained([called('injection', 'core'), called('secure-tsc', 'top')]).map(({ cause }) => cause)).toEqual([
    'secure-tsc',
  ]);
  expect(
    explained([called('injection', 'core', true), called('secure-tsc', 'core')]).map(({ cause }) => cause),
  ).toEqual(['secure-tsc']);
  expect(explained([called('injection', 'top', true), called('secure-tsc', 'core')]).map(({ cause }) => cause)).toEqual(
    ['injection'],
  );
});

test('vCPU type and signature are one thing, and so are profile and page order; others are told beside one another', () => {
  const [hit] = hitsOf('features top');
  const option = hit?.options[0];
  if (option === undefined) throw new Error('no features are thought of');
  const as = (input: 'vcpuType' | 'vcpuSig' | 'vmmProfile' | 'pageOrder' | 'kernel') => ({
    options: [{ ...option, change: { input, from: '0x1', to: '0x2' } }],
    vcpus: null,
  });
  const told = explained([as('vcpuType'), as('vcpuSig'), as('vmmProfile'), as('pageOrder'), as('kernel')]);
  expect(told.map(({ changes }) => changes[0]?.input)).toEqual(['vcpuType', 'vmmProfile', 'kernel']);
});

test('advice says what both sides have, and what to do, whichever way round', () => {
  const change = { input: 'guestFeatures', from: '0x1', to: '0x21' } as const;
  const told = (direction: 'observed' | 'expected' | 'possible') =>
    adviceText([{ change, cause: 'debug-swap' }], direction);
  expect(told('observed')).toMatch(
    /^the host measured guest features 0x21 \(SNPActive\+DebugSwap\); the prediction used guest features 0x1 \(SNPActive\)\. /,
  );
  expect(told('observed')).toContain('--guest-features 0x21');
  expect(told('expected')).toMatch(
    /^the expected digest was made with guest features 0x21 .*; the launch has guest features 0x1 .* Launch with guest features 0x21 .*, or have the digest made for guest features 0x1 \(SNPActive\)\.$/s,
  );
  expect(told('possible')).toMatch(/^the host may have measured guest features 0x21/);
  for (const text of [told('observed'), told('expected'), told('possible')]) expect(text).toMatch(/[^.]\.$/);
});
