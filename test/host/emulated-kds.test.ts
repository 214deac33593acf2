import { startEmulatedKds } from '../../lib/host/emulated-kds.ts';
import { authorityOf, NOW, reported } from '../firmware/emulated-chips.ts';
import { expect, test } from '../support/test.ts';

test('the service is there over HTTP, remembers what it was asked, and is gone when it is closed', async () => {
  const { chip, authority } = await reported();
  const kds = await startEmulatedKds({ authority: authorityOf, chips: [chip], now: () => NOW });
  const chain = await fetch(`${kds.url}/vcek/v1/Genoa/cert_chain`);
  expect(chain.status).toBe(200);
  expect((await chain.text()).match(/BEGIN CERTIFICATE/g)?.length).toBe(2);
  expect((await fetch(`${kds.url}/vcek/v1/Genoa/00?blSPL=1`)).status).toBe(400);
  expect((await fetch(`${kds.url}/nothing`)).status).toBe(404);
  expect(kds.asked).toEqual(['/vcek/v1/Genoa/cert_chain', '/vcek/v1/Genoa/00?blSPL=1', '/nothing']);
  await kds.close();
  await expect(fetch(`${kds.url}/vcek/v1/Genoa/cert_chain`)).rejects.toThrow();
  expect(authority.product).toBe('Genoa');
});
