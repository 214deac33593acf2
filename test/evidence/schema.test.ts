import { evidenceSchema } from '../../lib/evidence/schema.ts';
import { evidence } from '../judge/made-evidence.ts';
import { expect, test } from '../support/test.ts';

test('no name of a host leads out of the folder of a run: neither its own nor that of the one it stands in for', () => {
  const made = evidence();
  expect(evidenceSchema.safeParse({ ...made, standsInFor: 'milan-2' }).success).toBe(true);
  for (const name of ['../../x', '/etc', '..', 'a/b', '']) {
    expect(evidenceSchema.safeParse({ ...made, standsInFor: name }).success, `stands in for ${name}`).toBe(false);
    expect(evidenceSchema.safeParse({ ...made, host: { ...made.host, name } }).success, name).toBe(false);
  }
});
