import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateBundle } from '../../lib/attestation/certificate-file.ts';
import { type KdsRequest, kdsPath, vcekRequest } from '../../lib/attestation/kds.ts';
import { parseReport } from '../../lib/attestation/report.ts';
import { verifyReport } from '../../lib/attestation/verify.ts';
import { KdsClient } from '../../lib/kds/client.ts';
import { type CollectOptions, collectEvidence } from '../../lib/kds/collect.ts';
import { KDS_LIMITS } from '../../lib/kds/http.ts';
import {
  certificateDer,
  certificatesOf,
  crlDer,
  crlOfChain,
  issuerPair,
  type MadeFor,
  madeChain,
  NOW,
} from '../attestation/made-chain.ts';
import { madeFields, signedReport } from '../attestation/made-report.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';
import { FakeEdge, FakeKds } from './server.ts';

const inFolder = testFolder();
const CHAIN: KdsRequest = { what: 'chain', service: 'vcek', product: 'Milan' };
const CRL: KdsRequest = { what: 'crl', service: 'vcek', product: 'Milan' };
const DAY_MS = 24 * 3600_000;

let kds: FakeKds;
let base: string;
let edge: FakeEdge;
let folders = 0;
let cacheFolder: string;

test.beforeEach(async () => {
  kds = new FakeKds();
  base = await kds.start();
  edge = new FakeEdge(NOW);
  folders += 1;
  cacheFolder = inFolder(`cache-${folders}`);
});
test.afterEach(() => kds.stop());

function client(mode: 'online' | 'offline' = 'online'): KdsClient {
  return new KdsClient({ base, cacheFolder, mode, edge, limits: { ...KDS_LIMITS, attempts: 2 } });
}

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

/** A report of a made chain, whose certificates the service has. */
function served(madeFor: MadeFor = 'Milan VCEK') {
  const made = madeChain(madeFor);
  const report = signedReport(madeFields(madeFor));
  const product = made.anchor.product;
  const service = madeFor === 'Milan VLEK' ? 'vlek' : 'vcek';
  const vcek = vcekRequest(parseReport(report), product);
  if (service === 'vcek') kds.routes.set(kdsPath(vcek), { body: certificateDer(made.leaf) });
  const chain = pem(certificateDer(made.intermediate)) + pem(certificateDer(made.root));
  kds.routes.set(kdsPath({ what: 'chain', service, product }), { body: chain });
  kds.routes.set(kdsPath({ what: 'crl', service, product }), { body: crlDer(made.crl) });
  return { made, report, vcek };
}

const NONE: CertificateBundle = { certificates: [], crls: [] };
const ALL: CollectOptions = { crl: 'fetch', now: NOW };

/** Verifies a report with what the service gives. */
async function verdictOf(report: Uint8Array, made: ReturnType<typeof madeChain>, given = NONE, from = client()) {
  const collected = await collectEvidence(report, given, from, ALL);
  return verifyReport({ report, ...collected, anchors: [made.anchor], now: NOW, revocation: 'required' });
}

test.describe('the client', () => {
  test('asks for a thing once and then keeps it', async () => {
    served();
    const first = await client().get(CHAIN);
    const second = await client().get(CHAIN);
    expect(first?.certificates.map(({ kind }) => kind)).toEqual(['ASK', 'ARK']);
    expect(second?.certificates.map(({ subject }) => subject)).toEqual(
      first?.certificates.map(({ subject }) => subject),
    );
    expect(kds.asked).toEqual(['/vcek/v1/Milan/cert_chain']);
  });

  test('asks for one thing at a time, and a thing that many want only once', async () => {
    const { vcek } = served();
    const requests = [CHAIN, CRL, vcek, CHAIN, CRL, vcek];
    const answers = await Promise.all(requests.map((request) => client().get(request)));
    expect(answers.every((answer) => answer !== undefined)).toBe(true);
    expect(kds.mostAtOnce).toBe(1);
    expect(kds.asked).toHaveLength(3);
  });

  test('offline has what is kept and asks nobody', async () => {
    served();
    expect(await client('offline').get(CHAIN)).toBeUndefined();
    await client().get(CHAIN);
    expect((await client('offline').get(CHAIN))?.certificates).toHaveLength(2);
    expect(kds.asked).toHaveLength(1);
  });

  test('fetches anew what is damaged on disk, and names the file', async () => {
    served();
    const kdsClient = client();
    await kdsClient.get(CHAIN);
    const [name = ''] = readdirSync(kdsClient.cacheFolder).filter((file) => file.endsWith('.json'));
    const path = join(kdsClient.cacheFolder, name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"body": "..../, '"body": "AAAA'));
    expect((await kdsClient.get(CHAIN))?.certificates).toHaveLength(2);
    expect(edge.notes.some((note) => note.includes(path))).toBe(true);
    expect(kds.asked).toHaveLength(2);
  });

  test('a VCEK that the service does not know is no error, and is asked for again', async () => {
    const { vcek } = served();
    kds.routes.delete(kdsPath(vcek));
    expect(await client().get(vcek)).toBeUndefined();
    expect(await client().get(vcek)).toBeUndefined();
    expect(kds.asked).toHaveLength(2);
  });

  test('a service without a chain is broken', async () => {
    expect(await rejection(client().get(CHAIN))).toMatchObject({ code: 'KDS_ANSWER', kind: 'infrastructure' });
  });

  for (const [what, body] of [
    ['a page of HTML', '<html>busy</html>'],
    ['nothing', ''],
    ['a list', crlDer(madeChain().crl)],
    ['one certificate', certificateDer(madeChain().root)],
  ] as const) {
    test(`${what} in the place of a chain is refused, and not kept`, async () => {
      kds.routes.set(kdsPath(CHAIN), { body });
      expect(await rejection(client().get(CHAIN))).toMatchObject({ code: 'KDS_ANSWER' });
      served();
      expect((await client().get(CHAIN))?.certificates).toHaveLength(2);
    });
  }

  test('a certificate that has run out is asked for anew', async () => {
    const { made, vcek } = served();
    const short = { ...made.leaf, notAfter: new Date(NOW.getTime() + DAY_MS) };
    kds.routes.set(kdsPath(vcek), { body: certificateDer(short) });
    await client().get(vcek);
    edge.at = new Date(NOW.getTime() + 2 * DAY_MS);
    await client().get(vcek);
    expect(kds.asked).toHaveLength(2);
  });

  test('a list is kept for a day, and longer where the service cannot be asked, until it runs out', async () => {
    const { made } = served();
    await client().get(CRL);
    edge.at = new Date(NOW.getTime() + DAY_MS - 1);
    await client().get(CRL);
    expect(kds.asked).toHaveLength(1);
    edge.at = new Date(NOW.getTime() + DAY_MS);
    await client().get(CRL);
    expect(kds.asked).toHaveLength(2);
    kds.routes.set(kdsPath(CRL), { status: 503 });
    edge.at = new Date(NOW.getTime() + 3 * DAY_MS);
    expect((await client().get(CRL))?.crls).toHaveLength(1);
    expect(edge.notes.at(-1)).toContain('the one that was kept is still good');
    edge.at = new Date((made.crl.nextUpdate?.getTime() ?? 0) + 1000);
    expect(await rejection(client().get(CRL))).toMatchObject({ code: 'KDS_UNREACHABLE' });
  });
});

test.describe('what a report lacks', () => {
  for (const madeFor of ['Milan VCEK', 'Turin VCEK'] as const) {
    test(`all of a ${madeFor} comes from the service, and the report verifies`, async () => {
      const { made, report } = served(madeFor);
      expect((await verdictOf(report, made)).result).toBe('pass');
      expect(kds.asked).toHaveLength(3);
    });
  }

  test('with the service down, what was verified once is verified again, and the rest is infrastructure', async () => {
    const { made, report } = served();
    expect((await verdictOf(report, made)).result).toBe('pass');
    await kds.stop();
    expect((await verdictOf(report, made)).result).toBe('pass');
    const other = signedReport({ ...madeFields(), reportedTcb: 0xdb18_0000_0000_0103n });
    expect(await rejection(verdictOf(other, made))).toMatchObject({ code: 'KDS_UNREACHABLE', kind: 'infrastructure' });
    kds = new FakeKds();
    await kds.start();
  });

  test('the chain of a VLEK comes from the service, the VLEK itself from the host', async () => {
    const { made, report } = served('Milan VLEK');
    const unproven = await verdictOf(report, made);
    expect(unproven).toMatchObject({ result: 'unproven' });
    expect(unproven.lacks).toContain('the VLEK of the host');
    expect(kds.asked).toEqual([]);
    const given = { certificates: certificatesOf(made).slice(0, 1), crls: [] };
    expect((await verdictOf(report, made, given)).result).toBe('pass');
    expect(kds.asked).toEqual(['/vlek/v1/Milan/cert_chain', '/vlek/v1/Milan/crl']);
  });

  test('a masked CHIP_ID names no VCEK that could be asked for', async () => {
    const { made } = served();
    const report = signedReport({ ...madeFields(), chipId: new Uint8Array(64) });
    expect((await verdictOf(report, made)).result).not.toBe('pass');
    expect(kds.asked).toEqual([]);
  });

  test('nothing is asked for that was given', async () => {
    const { made, report } = served();
    const given = { certificates: certificatesOf(made), crls: [crlOfChain(made)] };
    expect((await verdictOf(report, made, given)).result).toBe('pass');
    expect(kds.asked).toEqual([]);
  });

  test('a service without lists proves the report, unless a list is required', async () => {
    const { made, report } = served();
    kds.routes.delete(kdsPath(CRL));
    const { certificates, crls } = await collectEvidence(report, NONE, client(), ALL);
    const input = { report, certificates, crls, anchors: [made.anchor], now: NOW };
    expect(verifyReport(input).result).toBe('pass');
    expect(verifyReport({ ...input, revocation: 'required' }).result).toBe('unproven');
  });

  test('the list is left where it is not wanted', async () => {
    const { report } = served();
    const collected = await collectEvidence(report, NONE, client(), { crl: 'leave', now: NOW });
    expect(collected.crls).toEqual([]);
    expect(kds.asked).toHaveLength(2);
  });

  test('a chip that the service does not know is told apart from a service that is down', async () => {
    const { report, vcek } = served();
    kds.routes.delete(kdsPath(vcek));
    const { notFound, certificates } = await collectEvidence(report, NONE, client(), ALL);
    expect(notFound).toMatchObject({ code: 'KDS_NOT_FOUND', kind: 'failure' });
    expect(notFound?.what).toContain('the VCEK of Milan chip 0441');
    expect(certificates).toEqual([]);
    expect((await collectEvidence(report, NONE, client('offline'), ALL)).notFound).toBeUndefined();
  });

  test('of a report of version 2 each product of its layout is asked for the chip', async () => {
    const { made } = served();
    const { cpuidFamId: _, cpuidModId: __, cpuidStep: ___, ...fields } = madeFields();
    const report = signedReport({ ...fields, version: 2 });
    kds.routes.delete(kdsPath(vcekRequest(parseReport(report), 'Milan')));
    kds.routes.set(kdsPath(vcekRequest(parseReport(report), 'Genoa')), { body: certificateDer(made.leaf) });
    expect((await collectEvidence(report, NONE, client(), ALL)).certificates.map(({ kind }) => kind)).toEqual([
      'VCEK',
      'ASK',
      'ARK',
    ]);
    expect(kds.asked.slice(0, 2).map((path) => path.split('/')[3])).toEqual(['Milan', 'Genoa']);
    kds.asked.length = 0;
    const known = { ...ALL, product: 'Genoa' } as const;
    await collectEvidence(
      report,
      NONE,
      new KdsClient({ base, cacheFolder: inFolder('known'), mode: 'online', edge }),
      known,
    );
    expect(kds.asked[0]).toContain('/Genoa/');
  });

  test('a chain that was kept and did not sign the leaf is asked for anew', async () => {
    const { made, report } = served();
    const renewed = { ...made.intermediate, publicKey: issuerPair('renewed ASK').publicKey };
    const leaf = { ...made.leaf, signer: issuerPair('renewed ASK').privateKey };
    await client().get(CHAIN);
    kds.routes.set(kdsPath(vcekRequest(parseReport(report), 'Milan')), { body: certificateDer(leaf) });
    kds.routes.set(kdsPath(CHAIN), { body: pem(certificateDer(renewed)) + pem(certificateDer(made.root)) });
    expect((await verdictOf(report, made)).result).toBe('pass');
  });
});
