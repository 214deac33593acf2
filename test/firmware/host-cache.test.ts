import { parseCertificateTable } from '../../lib/abi/certificate-table.ts';
import { hostCertificates } from '../../lib/firmware/host-cache.ts';
import { expect, test } from '../support/test.ts';
import { failures, NOW, reported, verified } from './emulated-chips.ts';

for (const [kind, vlek] of [
  ['VCEK', undefined],
  ['VLEK', { cspId: 'CN=emulated-cloud' }],
] as const) {
  test(`the table of a host with its ${kind} proves a report all by itself`, async () => {
    const made = await reported({ vlek });
    const table = hostCertificates('present', made.authority, made.chip, NOW);
    expect(table.length, 'guests have room for so much').toBeLessThan(16_384);
    expect(parseCertificateTable(table).map(({ guid }) => guid.slice(0, 8))).toEqual([
      vlek === undefined ? '63da758d' : 'a8074bc2',
      '4ab7b379',
      'c0b406a4',
    ]);
    expect(verified(made, [table])).toMatchObject({ result: 'pass', lacks: [] });
  });

  test(`a table whose ${kind} has run out proves nothing any more`, async () => {
    const made = await reported({ vlek });
    const verdict = verified(made, [hostCertificates('expired', made.authority, made.chip, NOW)]);
    expect(failures(verdict)).toEqual(['certificate-validity']);
  });

  test(`a stale table has the ${kind} of an earlier firmware, which proves nothing`, async () => {
    const made = await reported({ vlek, product: 'Turin' });
    const verdict = verified(made, [hostCertificates('stale', made.authority, made.chip, NOW)]);
    expect(verdict.genuine).toBe('no');
    expect(failures(verdict)).toEqual(expect.arrayContaining(['signature', 'certificate-tcb']));
  });
}

test('the table of another machine has another VCEK', async () => {
  const made = await reported();
  const verdict = verified(made, [hostCertificates('other-chip', made.authority, made.chip, NOW)]);
  expect(failures(verdict)).toEqual(expect.arrayContaining(['signature', 'chip-id']));
});
