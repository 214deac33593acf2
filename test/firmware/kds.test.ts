import { splitTcb } from '../../lib/abi/tcb.ts';
import { readCertificateFile } from '../../lib/attestation/certificate-file.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { AUTHORITY_SERIALS } from '../../lib/firmware/authority.ts';
import { answerKds, type KdsKnowledge } from '../../lib/firmware/kds.ts';
import type { ProductName } from '../../lib/firmware/platform.ts';
import { expect, test } from '../support/test.ts';
import { authorityOf, failures, NOW, type Reported, reported, verified } from './emulated-chips.ts';

const knowledge = (made: Reported, change: Partial<KdsKnowledge> = {}): KdsKnowledge => ({
  authority: authorityOf,
  chips: [made.chip],
  now: () => NOW,
  ...change,
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The path of the VCEK of a report, as AMD's documentation writes it. */
function vcekPath({ report, chip }: Reported): string {
  const { reportedTcb, chipId } = parseReport(report);
  const { product } = chip.platform;
  if (product === 'Turin') {
    const { fmc, bootLoader, tee, snp, microcode } = splitTcb(reportedTcb, 'family1a');
    const query = `fmcSPL=${fmc}&blSPL=${bootLoader}&teeSPL=${tee}&snpSPL=${snp}&ucodeSPL=${microcode}`;
    return `/vcek/v1/Turin/${hex(chipId.subarray(0, 8))}?${query}`;
  }
  const { bootLoader, tee, snp, microcode } = splitTcb(reportedTcb, 'family19');
  return `/vcek/v1/${product}/${hex(chipId)}?blSPL=0${bootLoader}&teeSPL=0${tee}&snpSPL=${snp}&ucodeSPL=${microcode}`;
}

for (const product of ['Milan', 'Turin'] as const satisfies readonly ProductName[]) {
  test(`a report of a ${product} is genuine by what stands at the paths of the service`, async () => {
    const made = await reported({ product });
    const paths = [vcekPath(made), `/vcek/v1/${product}/cert_chain`, `/vcek/v1/${product}/crl`];
    const answers = await Promise.all(paths.map((path) => answerKds(path, knowledge(made))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const bodies = answers.map(({ body }) => body);
    const verdict = verified(made, bodies, { revocation: 'required' });
    expect(failures(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ result: 'pass', lacks: [] });
  });
}

test('the chain is PEM of the issuer and then the root, of either kind of leaf', async () => {
  const made = await reported();
  for (const [service, kinds] of [
    ['vcek', ['ASK', 'ARK']],
    ['vlek', ['ASVK', 'ARK']],
  ] as const) {
    const { body } = await answerKds(`/${service}/v1/Genoa/cert_chain`, knowledge(made));
    expect(readCertificateFile(body, service).certificates.map(({ kind }) => kind)).toEqual(kinds);
  }
});

test('a list names the issuers that were revoked', async () => {
  const made = await reported();
  const { body } = await answerKds('/vcek/v1/Genoa/crl', knowledge(made, { revoked: ['ask'] }));
  const [crl] = readCertificateFile(body, 'crl').crls;
  expect(crl?.details().revokedSerials).toEqual([AUTHORITY_SERIALS.ask.toString(16)]);
});

test('what AMD’s service does not have, this one does not have either', async () => {
  const made = await reported();
  const path = vcekPath(made);
  const statusOf = async (of: string, change: Partial<KdsKnowledge> = {}): Promise<number> =>
    (await answerKds(of, knowledge(made, change))).status;
  expect(await statusOf(path, { chips: [] }), 'no such chip').toBe(404);
  expect(await statusOf(path.replace('snpSPL=23', 'snpSPL=24')), 'never ran there').toBe(404);
  expect(await statusOf(path.replace('/Genoa/', '/Milan/')), 'a chip of another product').toBe(404);
  expect(await statusOf(path, { authority: async () => undefined })).toBe(404);
  for (const wrong of ['/', '/vcek', '/vcek/v2/Genoa/cert_chain', '/vcek/v1/Rome/crl', '/vlek/v1/Genoa/cert?blSPL=1']) {
    expect(await statusOf(wrong), wrong).toBe(404);
  }
  const [bare = ''] = path.split('?');
  for (const query of ['', '?blSPL=9', `?${path.split('?')[1]}&fmcSPL=1`, '?blSPL=9&teeSPL=0&snpSPL=x&ucodeSPL=72']) {
    expect(await statusOf(`${bare}${query}`), query).toBe(400);
  }
});
