import { describeReport } from '../../lib/attestation/describe-report.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { expect, test } from '../support/test.ts';
import { vectorBytes, vectorsAbsent, vectorsPresent } from '../support/vectors.ts';

for (const [name, version, since3, since5] of [
  ['milan-v2-a', 2, false, false],
  ['milan-v3-d', 3, true, false],
  ['turin-v5-a', 5, true, true],
] as const) {
  test(`of a report of version ${version} exactly the fields that it has are told, and none that is reserved`, () => {
    test.skip(!vectorsPresent, vectorsAbsent);
    const bytes = vectorBytes(`reports/${name}.bin`);
    const { fields, product } = describeReport(bytes, parseReport(bytes), version);
    const names: string[] = fields.map(({ field }) => field);
    expect(names.includes('cpuidFamId')).toBe(since3);
    expect(names.includes('currentMitVector')).toBe(since5);
    expect(names.filter((field) => /reserved/i.test(field))).toEqual([]);
    expect(product !== null).toBe(since3);
  });
}
