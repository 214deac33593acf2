import { type Migration, migrate, migrateWithEvidence } from '../../lib/evidence/migrations.ts';
import { harnessErrorOf } from '../support/harness-error.ts';
import { expect, test } from '../support/test.ts';

const STEPS: readonly Migration[] = [
  { from: 'snp-conform/thing@1', to: 'snp-conform/thing@2', step: (old) => ({ ...old, added: null }) },
  { from: 'snp-conform/thing@2', to: 'snp-conform/thing@3', step: ({ added, ...old }) => ({ ...old, renamed: added }) },
];
const TODAY = ['snp-conform/thing@3'];

test('an old document goes through every version up to that of today', () => {
  expect(migrate({ format: 'snp-conform/thing@1', kept: 1 }, 'x', STEPS, TODAY)).toEqual({
    format: 'snp-conform/thing@3',
    kept: 1,
    renamed: null,
  });
  expect(migrate({ format: 'snp-conform/thing@3', kept: 1 }, 'x', STEPS, TODAY)).toEqual({
    format: 'snp-conform/thing@3',
    kept: 1,
  });
});

test('a document of a newer version is refused in words', () => {
  const error = harnessErrorOf(() => migrate({ format: 'snp-conform/thing@4' }, 'night.json', STEPS, TODAY));
  expect(error.message).toMatch(
    /EVIDENCE_INVALID: it is snp-conform\/thing@4, .* reads up to snp-conform\/thing@3 \(night\.json\)/,
  );
  expect(
    harnessErrorOf(() => migrateWithEvidence({ evidence: { format: 'snp-conform/evidence@999' } }, 'x')).code,
  ).toBe('EVIDENCE_INVALID');
});

test('what is no document of ours is left for its schema to judge', () => {
  for (const value of [null, 1, 'x', [], {}, { format: 1 }, { format: 'other@9' }])
    expect(migrate(value, 'x', STEPS, TODAY)).toEqual(value);
});
