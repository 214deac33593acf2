import { LocalSession, loginEnvironment } from '../../lib/host/local-session.ts';
import { expect, test } from '../support/test.ts';

test('a host that is this machine gets what a login gives, and no secret of who runs the harness', async () => {
  const own = { HOME: '/root', LC_ALL: 'C', PATH: process.env.PATH, LAB_PASSWORD: 'canary', SSH_AUTH_SOCK: '/canary' };
  const { stdout } = await new LocalSession('here', loginEnvironment(own)).run(['env']);
  expect(stdout).toMatch(/^HOME=\/root$/m);
  expect(stdout).not.toContain('canary');
});
