import { openRecording } from '../../lib/evidence/recording/reader.ts';
import { Redaction } from '../../lib/evidence/redaction.ts';
import type { RecordedRow } from '../../lib/evidence/results.ts';
import { judge } from '../../lib/judge/judge.ts';
import { predictEvidence } from '../../lib/runner/predict-cell.ts';
import { evidence } from '../judge/made-evidence.ts';
import { SHIPPED_RECORDING } from '../runner/plans.ts';
import { expect, test } from '../support/test.ts';

function rowWith(console: string): RecordedRow {
  const made = evidence({ outcome: { console, stderr: console }, sent: { argv: ['/home/ada/bin/qemu', console] } });
  return {
    ...{
      suite: 'launch',
      host: 'made',
      id: 'a',
      result: 'fail',
      durationMs: 1,
      message: `SSH_LOST: ${console} on made`,
    },
    ...{ cell: made.cell, evidence: made, judged: null },
  };
}

const redacted = (text: string): string => new Redaction().row(rowWith(text)).evidence?.outcome.console ?? '';

test('secrets, users and addresses are taken out, and counted', () => {
  expect(redacted('x -----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY----- y')).toBe(
    'x [private key] y',
  );
  expect(redacted('-----BEGIN PRIVATE KEY-----\nabc, and cut off')).toBe('[private key]');
  expect(redacted('token ghp_abcdefghijklmnopqrstuvwxyz0123456789')).toBe('token [token]');
  expect(redacted('password=hunter2 PASSWD: x')).toBe('password=[password] PASSWD: [password]');
  expect(redacted('/home/ada/ovmf.fd and ada@milan-1.lab.example')).toBe(
    '/home/user/ovmf.fd and user@milan-1.lab.example',
  );
  expect(redacted('eth0 10.1.2.3/24 de:ad:be:ef:00:01')).toBe('eth0 [address]/24 [hardware address]');
  const redaction = new Redaction();
  redaction.row(rowWith('10.1.2.3 and 10.1.2.4'));
  expect(redaction.counts).toMatchObject({ address: 8, user: 1 });
});

test('what only looks like it stays: versions, loopback, digests', () => {
  for (const text of [
    'QEMU 10.0.2',
    '1:10.0.2+ds-2+deb13u1',
    '127.0.0.1:22',
    'a5'.repeat(48),
    '52:54:00:12:34:56',
    '1.55.24.1-rc2',
  ]) {
    expect(redacted(text)).toBe(text);
  }
});

test('redacting twice changes nothing more', () => {
  const once = new Redaction().row(rowWith('password=a /home/ada 10.9.8.7 ada@b.example'));
  expect(new Redaction().row(once)).toEqual(once);
});

test('hosts get other names, the same host always the same, also where messages name it', () => {
  const redaction = new Redaction({ hosts: 'rename', logs: 'drop' });
  const [first, second] = [redaction.row(rowWith('boot')), redaction.row({ ...rowWith('boot'), id: 'b' })];
  expect([first.host, second.host, first.evidence?.host.name]).toEqual(['host-1', 'host-1', 'host-1']);
  expect(first.message).toBe('SSH_LOST: boot on host-1');
  expect(first.evidence?.outcome).toMatchObject({ console: '', stderr: '' });
});

test('the recording that ships judges as before when it is redacted in every way', () => {
  const redaction = new Redaction({ hosts: 'rename', logs: 'drop' });
  for (const row of openRecording(SHIPPED_RECORDING).rows()) {
    const after = redaction.row(row).evidence;
    if (row.evidence === null || after === null) continue;
    expect(judge(predictEvidence(after), after)).toEqual(judge(predictEvidence(row.evidence), row.evidence));
  }
});
