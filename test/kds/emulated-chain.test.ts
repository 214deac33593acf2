import { verifyReport } from '../../lib/attestation/verify.ts';
import { anchorOf } from '../../lib/firmware/authority.ts';
import { startEmulatedKds } from '../../lib/host/emulated-kds.ts';
import { KdsClient } from '../../lib/kds/client.ts';
import { type Collected, collectEvidence } from '../../lib/kds/collect.ts';
import { authorityOf, NOW, type Reported, reported } from '../firmware/emulated-chips.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const inFolder = testFolder();
const LIMITS = { timeoutMs: 5000, bodyBytesMax: 65_536, attempts: 1, pauseMs: 1, pauseMsMax: 1 };

function client(base: string, cacheFolder: string): KdsClient {
  const edge = { now: () => NOW, sleep: async () => undefined, note: () => undefined };
  return new KdsClient({ base, cacheFolder, mode: 'online', edge, limits: LIMITS });
}

function collected({ authority, report }: Reported, kds: KdsClient): Promise<Collected> {
  const given = { certificates: [], crls: [] };
  return collectEvidence(report, given, kds, { crl: 'fetch', anchors: [anchorOf(authority)], now: NOW });
}

test('all that a report of an emulated chip needs comes from the emulated service, and once it came it is kept', async () => {
  const [now, rolled] = [await reported(), await reported({ reportedTcb: { snp: 0x16 } })];
  const service = await startEmulatedKds({ authority: authorityOf, chips: [now.chip], now: () => NOW });
  const kds = client(service.url, inFolder('kept'));
  for (const made of [now, rolled, now]) {
    const { certificates, crls, notFound } = await collected(made, kds);
    expect(notFound).toBeUndefined();
    const anchors = [anchorOf(made.authority)];
    const verdict = verifyReport({
      report: made.report,
      certificates,
      crls,
      anchors,
      now: NOW,
      revocation: 'required',
    });
    expect(verdict).toMatchObject({ result: 'pass', lacks: [] });
  }
  const snpLevels = service.asked.flatMap((path) => /snpSPL=(\d+)/.exec(path)?.[1] ?? []);
  expect(snpLevels, 'a VCEK for each TCB, each asked for once').toEqual(['23', '22']);
  await service.close();

  expect((await collected(now, kds)).certificates.length, 'what is kept needs no service').toBe(3);
  const other = await reported({ reportedTcb: { snp: 0x15 } });
  expect(await rejection(collected(other, kds))).toMatchObject({ code: 'KDS_UNREACHABLE', kind: 'infrastructure' });
});

test('a chip that the service does not know is named, and nothing is asked of an issuer that nobody vouches for', async () => {
  const made = await reported({ product: 'Milan' });
  const service = await startEmulatedKds({ authority: authorityOf, chips: [], now: () => NOW });
  expect((await collected(made, client(service.url, inFolder('unknown')))).notFound).toMatchObject({
    code: 'KDS_NOT_FOUND',
  });
  await service.close();
});
