import { appendFileSync, mkdirSync } from 'node:fs';
import { HostHealth } from '../../lib/runner/host-health.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();

test('failures in a row are counted over all workers, and one success ends the row', () => {
  const [one, other] = [new HostHealth(inFolder('a'), 'milan-1', 'r1'), new HostHealth(inFolder('a'), 'milan-1', 'r1')];
  expect(one.failuresInARow()).toEqual([]);
  one.tell('SSH_LOST');
  other.tell('HOST_TIMEOUT');
  expect(one.failuresInARow()).toEqual(['SSH_LOST', 'HOST_TIMEOUT']);
  other.tell(null);
  one.tell('SSH_CONNECT');
  expect(other.failuresInARow()).toEqual(['SSH_CONNECT']);
});

test('another host and an earlier run do not count', () => {
  new HostHealth(inFolder('b'), 'milan-1', 'yesterday').tell('SSH_LOST');
  new HostHealth(inFolder('b'), 'genoa-1', 'today').tell('SSH_LOST');
  expect(new HostHealth(inFolder('b'), 'milan-1', 'today').failuresInARow()).toEqual([]);
});

test('a torn line says nothing, and a long night is read from its end', () => {
  const folder = inFolder('c');
  mkdirSync(`${folder}/hosts`, { recursive: true });
  appendFileSync(`${folder}/hosts/h.attempts.jsonl`, '{"run":"r","trouble":null}\n'.repeat(50_000));
  const health = new HostHealth(folder, 'h', 'r');
  health.tell('SSH_LOST');
  appendFileSync(`${folder}/hosts/h.attempts.jsonl`, '{"run":"r","trou');
  expect(health.failuresInARow()).toEqual(['SSH_LOST']);
});
