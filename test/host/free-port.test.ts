import { createServer } from 'node:net';
import { freePort, portsInUse } from '../../lib/host/free-port.ts';
import { LocalSession } from '../../lib/host/local-session.ts';
import { expect, test } from '../support/test.ts';

test('the ports of the kernel’s tables are read, of IPv4 and IPv6', () => {
  const tcp = '  sl  local_address rem_address   st\n   0: 0100007F:4E20 00000000:0000 0A 00000000:00000000\n';
  const tcp6 = '   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A\n';
  expect(portsInUse(tcp + tcp6)).toEqual(new Set([20_000, 22]));
});

test('a port that somebody listens on is passed over', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const used = typeof address === 'object' && address !== null ? address.port : 0;
  const draws = [used, used, 20_001];
  const session = new LocalSession('here');
  try {
    expect(await freePort(session, () => draws.shift() ?? 0)).toBe(20_001);
  } finally {
    await session.close();
    server.close();
  }
});
