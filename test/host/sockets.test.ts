import { HarnessError } from '../../lib/errors.ts';
import type { Session } from '../../lib/host/session.ts';
import { connectWhenThere } from '../../lib/host/sockets.ts';
import { expect, test } from '../support/test.ts';

test('a connection that is lost while a socket is waited for is one error, and not a second one that nobody handles', async () => {
  const lost = () => new HarnessError({ code: 'SSH_LOST', what: 'the connection was lost: write EPIPE' });
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const over = Promise.reject(lost());
    // Whoever started the program has its end in hand.
    over.catch(() => undefined);
    const session = { name: 'a', connectUnix: () => Promise.reject(lost()) } as unknown as Session;
    await expect(connectWhenThere(session, '/run/qmp', over, 1000)).rejects.toMatchObject({ code: 'SSH_LOST' });
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
