import type { HostProvenance } from '../../lib/evidence/schema.ts';
import { corroborated } from '../../lib/explain/corroborate.ts';
import type { Explanation } from '../../lib/explain/explanation.ts';
import { expect, test } from '../support/test.ts';

const HOST: HostProvenance = {
  ...{ name: 'milan-1', kind: 'hardware', profile: null, vmmProfile: 'qemu-init2', cbitpos: 51, qemu: {} },
  kernel: 'Linux 6.8.0-snp x86_64',
};

function host(kernel: string, debugSwap: boolean | null): HostProvenance {
  const platform = { kvmAmd: { debugSwap } } as NonNullable<HostProvenance['facts']>['platform'];
  return { ...HOST, kernel, facts: { platform } as NonNullable<HostProvenance['facts']> };
}

const match = (...changes: Explanation['changes'][number][]): Explanation => ({
  changes,
  kind: 'match',
  cause: 'debug-swap',
  advice: 'advice',
});
const DEBUG_SWAP = { input: 'guestFeatures', from: '0x1', to: '0x21' } as const;
const NO_FPU = { input: 'vmmProfile', from: 'qemu-init2', to: 'qemu-pre-init2' } as const;

for (const [claim, kernel, debugSwap, changes, kind] of [
  ['a kernel that turns DebugSwap on', 'Linux 6.8.0 x86_64', true, [DEBUG_SWAP], 'proof'],
  ['a parameter that turns it off', 'Linux 6.8.0 x86_64', false, [DEBUG_SWAP], 'match'],
  ['a parameter that nobody knows', 'Linux 6.8.0 x86_64', null, [DEBUG_SWAP], 'match'],
  ['a kernel that turns nothing on by itself', 'Linux 6.12.1 x86_64', true, [DEBUG_SWAP], 'match'],
  [
    'DebugSwap off on such a kernel',
    'Linux 6.12.1 x86_64',
    true,
    [{ ...DEBUG_SWAP, from: '0x21', to: '0x1' }],
    'proof',
  ],
  ['an old kernel and no FPU state', 'Linux 6.8.0 x86_64', null, [NO_FPU], 'proof'],
  ['a new kernel and no FPU state', 'Linux 6.12.1 x86_64', null, [NO_FPU], 'match'],
  ['6.9, of which some trees measure it and some do not', 'Linux 6.9.0 x86_64', null, [NO_FPU], 'match'],
  ['both of two changes', 'Linux 6.8.0 x86_64', true, [DEBUG_SWAP, NO_FPU], 'proof'],
  ['one of two changes', 'Linux 6.8.0 x86_64', null, [DEBUG_SWAP, NO_FPU], 'match'],
  [
    'an input that the host does not show',
    'Linux 6.8.0 x86_64',
    true,
    [{ input: 'vcpus', from: '1', to: '2' }],
    'match',
  ],
] as const) {
  test(`${claim}: ${kind}`, () => {
    const explanation = corroborated(match(...changes), host(kernel, debugSwap), 'default');
    expect(explanation.kind).toBe(kind);
    if (kind === 'proof') expect(explanation.advice).toContain('Seen on the host: its kernel is ');
  });
}

test('an emulated host is what it passes for, not the machine below it', () => {
  const emulated: HostProvenance = { ...host('Linux 6.12.1 x86_64', true), kind: 'emulated', profile: 'amd-6.8' };
  expect(corroborated(match(DEBUG_SWAP), emulated, 'default').kind).toBe('proof');
});

test('a hint stays one', () => {
  const hint: Explanation = { ...match(DEBUG_SWAP), kind: 'hint' };
  expect(corroborated(hint, host('Linux 6.8.0 x86_64', true), 'default')).toBe(hint);
});
