import { filled, guestChannelSchema, mentions } from '../../lib/matrix/guest-channel.ts';
import { expect, test } from '../support/test.ts';
import { matrix } from './matrices.ts';

const command = (change: Record<string, unknown> = {}) =>
  guestChannelSchema.safeParse({ channel: 'command', command: ['ask', '{nonce}'], ...change });

test('without a channel the agent is asked; a command runs on the host, for two minutes at most', () => {
  expect(matrix().guest).toEqual({ channel: 'agent' });
  expect(command().data).toEqual({
    channel: 'command',
    run: 'host',
    command: ['ask', '{nonce}'],
    qemuArguments: [],
    timeoutSeconds: 120,
  });
});

test('arguments for QEMU are devices, not what is measured', () => {
  const vsock = ['-device', 'vhost-vsock-pci,guest-cid={cid}'];
  expect(command({ qemuArguments: vsock }).success).toBe(true);
  for (const words of [
    ['-kernel', 'other'],
    ['-bios', 'x'],
    ['-append', 'x'],
    ['-smp', '2'],
    ['-device', 'x,id={nonce}'],
  ]) {
    expect(command({ qemuArguments: words }).success, words.join(' ')).toBe(false);
  }
});

test('a channel that is none is refused', () => {
  for (const wrong of [{ channel: 'ssh' }, { channel: 'agent', command: ['x'] }, { channel: 'command' }]) {
    expect(guestChannelSchema.safeParse(wrong).success, JSON.stringify(wrong)).toBe(false);
  }
  expect(command({ command: [] }).success).toBe(false);
  expect(command({ timeoutSeconds: 181 }).success).toBe(false);
});

test('placeholders are replaced wherever they stand, other braces stay', () => {
  const words = ['-p', '{port}', 'vsock/{cid}:{cid}', "awk '{print}'", '{nonce}', '{constructor}'];
  expect(filled(words, { port: '20022', cid: '{port}' })).toEqual([
    '-p',
    '20022',
    'vsock/{port}:{port}',
    "awk '{print}'",
    '{nonce}',
    '{constructor}',
  ]);
  expect([mentions(words, 'port'), mentions(words, 'directory')]).toEqual([true, false]);
});
