import { HarnessError } from '../../lib/errors.ts';
import { askByCommand, type CommandAsk } from '../../lib/guest/command-channel.ts';
import { type GuestWords, noWords } from '../../lib/guest/conversation.ts';
import { expect, test } from '../support/test.ts';
import { rejection } from '../support/until.ts';

const NONCES = [new Uint8Array(64).fill(0xa5), new Uint8Array(64).fill(0x5a)];
const REPORT = new Uint8Array(1184).fill(7);
const TABLE = new Uint8Array(100).fill(9);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const printed = (stdout: string) => ({ exitCode: 0, stdout, stderr: '' });
const failed = (exitCode: number, stderr = '') => ({ exitCode, stdout: '', stderr });

type Run = ReturnType<typeof printed> | Error;

/** Asks with a command whose runs end one after another as given, the last of them for ever. */
async function asked(runs: readonly Run[], change: Partial<CommandAsk> = {}, signal = new AbortController().signal) {
  const seen: string[][] = [];
  const words: GuestWords = noWords();
  const ask: CommandAsk = {
    argv: (nonce) => ['ask', Buffer.from(nonce).toString('hex')],
    run: async (argv) => {
      const run = runs[Math.min(seen.length, runs.length - 1)];
      seen.push([...argv]);
      if (run === undefined || run instanceof Error) throw run;
      return run;
    },
    timeoutMs: 60_000,
    pauseMs: 10,
    where: 'here',
    ...change,
  };
  await askByCommand(ask, NONCES, signal, words);
  return { words, seen };
}

test('the command is run for each nonce, and may print the report alone, wrapped as base64 does', async () => {
  const wrapped = base64(REPORT).replaceAll(/.{76}/g, '$&\n');
  const { words, seen } = await asked([printed(`${wrapped}\n`)]);
  expect(seen).toEqual(NONCES.map((nonce) => ['ask', Buffer.from(nonce).toString('hex')]));
  const answer = { report: REPORT, certificates: null, error: null };
  expect(words).toEqual({ ready: true, about: null, dmesg: null, answers: [answer, answer] });
});

test('the command may print the certificate table and words of the kernel too', async () => {
  const output = { report: base64(REPORT), certificates: base64(TABLE), kernel: '6.12.0', dmesg: 'SEV: SNP', more: 1 };
  const { words } = await asked([printed(JSON.stringify(output))]);
  expect(words).toMatchObject({ about: { agent: 'command', kernel: '6.12.0' }, dmesg: 'SEV: SNP' });
  expect(words.answers[0]).toEqual({ report: REPORT, certificates: TABLE, error: null });
});

test('a guest that is not up yet is asked again', async () => {
  const { words, seen } = await asked([failed(255, 'ssh: Connection refused'), printed(base64(REPORT))]);
  expect(seen.length).toBe(3);
  expect(words.answers).toMatchObject([{ report: REPORT, error: null }, { report: REPORT }]);
});

test('a guest that never comes up is given up, with the last words of the command', async () => {
  const timeout = new HarnessError({ code: 'HOST_TIMEOUT', what: 'waited 30000 ms for the command' });
  for (const [run, error] of [
    [failed(255, 'ssh: Connection refused\n'), 'exit code 255: ssh: Connection refused'],
    [timeout, 'waited 30000 ms for the command'],
  ] as const) {
    const { words, seen } = await asked([run], { timeoutMs: 5 });
    expect(words).toMatchObject({ ready: false, answers: [{ report: null, error }, { error: null }] });
    expect(seen.length).toBe(1);
  }
});

test('an abort ends the asking', async () => {
  const abort = new AbortController();
  const run = async () => {
    abort.abort();
    return failed(1);
  };
  const { words } = await asked([], { run }, abort.signal);
  expect(words.ready).toBe(false);
});

test('output that is no report is the guest’s error, and asked for once', async () => {
  for (const [stdout, says] of [
    ['hello', 'the report is no base64'],
    ['', 'the report has 0 bytes, expected 1184'],
    [base64(TABLE), 'the report has 100 bytes, expected 1184'],
    ['{"certificates": ""}', 'report: it is missing; expected string'],
    ['{', 'JSON'],
    [JSON.stringify({ report: base64(REPORT), certificates: '*' }), 'the table of certificates is no base64'],
  ] as const) {
    const { words, seen } = await asked([printed(stdout)]);
    expect(seen.length).toBe(2);
    expect(words.answers[0]?.error).toMatch(/^the command printed what is no report: /);
    expect(words.answers[0]?.error).toContain(says);
    expect(words.ready, 'the guest is up').toBe(true);
  }
});

test('a command that is not there is wrong input, and a lost connection the lab’s trouble', async () => {
  expect(await rejection(asked([failed(127, 'sh: ask: not found')]))).toMatchObject({ code: 'GUEST_COMMAND' });
  expect(await rejection(asked([failed(126)]))).toMatchObject({ code: 'GUEST_COMMAND', kind: 'configuration' });
  const lost = new HarnessError({ code: 'SSH_LOST', what: 'gone' });
  expect(await rejection(asked([lost]))).toBe(lost);
});
