import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { LocalSession } from '../../lib/host/local-session.ts';
import type { Session } from '../../lib/host/session.ts';
import { type Sshd, startSshd } from '../lab/sshd.ts';
import { expect, test } from '../support/test.ts';
import { isAlive, until } from '../support/until.ts';
import { openLabSession } from './lab.ts';

let sshd: Sshd;
test.beforeAll(async () => {
  sshd = await startSshd();
});
test.afterAll(async () => {
  await sshd.stop();
});

const kinds: Record<string, () => Promise<Session>> = {
  'over SSH': () => openLabSession(sshd),
  local: async () => new LocalSession('here'),
};

async function readAll(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

for (const [kind, open] of Object.entries(kinds)) {
  test.describe(`a session ${kind}`, () => {
    let session: Session;
    let directory: string;
    test.beforeAll(async () => {
      session = await open();
      directory = await mkdtemp(join(tmpdir(), 'snp-session-'));
    });
    test.afterAll(async () => {
      await session.close();
      await rm(directory, { recursive: true, force: true });
    });

    test('gives back exit code, standard output and standard error apart', async () => {
      const result = await session.run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
      expect(result).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    });

    test('feeds standard input and closes it', async () => {
      const sent = `${randomBytes(200_000).toString('hex')}\n`;
      const result = await session.run(['cat'], { stdin: sent });
      expect(result.stdout === sent).toBe(true);
    });

    test('closes the standard input of a command that is given none', async () => {
      expect(await session.run(['cat'])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    });

    test('says 127 of a program that is not there', async () => {
      expect((await session.run(['/nonexistent/program'])).exitCode).toBe(127);
    });

    test('counts a signal as 128 and its number', async () => {
      expect((await session.run(['sh', '-c', 'kill -9 $$'])).exitCode).toBe(137);
    });

    test('refuses output over the bound', async () => {
      const run = session.run(['head', '-c', '5000', '/dev/zero'], { maxOutputBytes: 4999 });
      await expect(run).rejects.toMatchObject({ code: 'HOST_COMMAND', what: expect.stringContaining('4999 bytes') });
      const whole = await session.run(['head', '-c', '5000', '/dev/zero'], { maxOutputBytes: 5000 });
      expect(whole.stdout).toHaveLength(5000);
    });

    test('names the command that is over its deadline, and ends it on the host', async () => {
      const mark = join(directory, 'late');
      const run = session.run(['sh', '-c', 'echo $$ > "$0"; sleep 60', mark], { timeoutMs: 1500 });
      await expect(run).rejects.toMatchObject({ code: 'HOST_TIMEOUT', what: expect.stringContaining('sleep 60') });
      const pid = Number(await readFile(mark, 'utf8'));
      await until('the command to end', () => !isAlive(pid));
    });

    test('refuses an argument with a NUL before it reaches the host', async () => {
      await expect(session.run(['echo', 'a\0b'])).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
      await expect(session.start(['echo', 'a\0b'])).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' });
    });

    test('runs many commands at once', async () => {
      const numbers = Array.from({ length: 40 }, (_, number) => String(number));
      const results = await Promise.all(numbers.map((number) => session.run(['echo', number])));
      expect(results.map((result) => result.stdout.trim())).toEqual(numbers);
    });

    test('keeps 20 long-running commands at once, and still runs others', async () => {
      const processes = await Promise.all(Array.from({ length: 20 }, () => session.start(['cat'])));
      expect((await session.run(['echo', 'still'])).stdout).toBe('still\n');
      for (const [number, process] of processes.entries()) process.write(`${number}\n`);
      for (const [number, process] of processes.entries()) {
        for await (const line of process.lines) {
          expect(line).toBe(String(number));
          break;
        }
        process.end();
      }
      const ends = await Promise.all(processes.map((process) => process.ended));
      expect(ends.every((end) => end.exitCode === 0)).toBe(true);
    });

    test('gives the lines of a running command as they come, and its end', async () => {
      const process = await session.start(['sh', '-c', 'echo one; read x; echo "two $x"; echo bad >&2; exit 3']);
      const seen: string[] = [];
      for await (const line of process.lines) {
        seen.push(line);
        if (seen.length === 1) process.write('go\n');
      }
      expect(seen).toEqual(['one', 'two go']);
      expect(await process.ended).toEqual({ exitCode: 3, stderr: 'bad\n' });
    });

    test('sees the end of a running command whose lines nobody reads', async () => {
      const process = await session.start(['sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" "\\n"']);
      expect((await process.ended).exitCode).toBe(0);
    });

    test('refuses a line without end', async () => {
      const process = await session.start(['sh', '-c', 'head -c 200000 /dev/zero; cat']);
      const read = async () => {
        for await (const line of process.lines) expect(line).toBe('never');
      };
      await expect(read()).rejects.toMatchObject({ code: 'HOST_COMMAND', what: expect.stringContaining('a line') });
      process.end();
      await process.ended;
    });

    test('keeps the head of a long standard error and says what is missing', async () => {
      const process = await session.start(['sh', '-c', 'head -c 70000 /dev/zero >&2']);
      const { stderr } = await process.ended;
      expect(stderr).toHaveLength(64 * 1024 + '\n[4464 more bytes]\n'.length);
      expect(stderr).toContain('[4464 more bytes]');
    });

    test('survives writes to a command that has ended', async () => {
      const process = await session.start(['true']);
      await process.ended;
      process.write('late');
      process.end();
    });

    test('carries a connection from the host to a listener, both ways', async () => {
      const path = join(directory, 'listen.sock');
      const streams: Duplex[] = [];
      const listener = await session.listenUnix(path, (stream) => {
        streams.push(stream);
        stream.on('data', (bytes: Buffer) => stream.write(bytes.toString('utf8').toUpperCase()));
        stream.on('end', () => stream.end());
      });
      const stream = await session.connectUnix(path);
      const answer = readAll(stream);
      stream.end('hello');
      expect(await answer).toBe('HELLO');
      expect(streams).toHaveLength(1);
      await listener.close();
      await expect(session.connectUnix(path)).rejects.toMatchObject({ code: 'HOST_COMMAND' });
      await listener.close();
    });

    test('brings each connection to the listener of its own path', async () => {
      const names = ['a', 'b', 'c'];
      const listeners = await Promise.all(
        names.map((name) => session.listenUnix(join(directory, name), (stream) => stream.end(name))),
      );
      const answers = await Promise.all(
        names.map(async (name) => readAll(await session.connectUnix(join(directory, name)))),
      );
      expect(answers).toEqual(names);
      await Promise.all(listeners.map((listener) => listener.close()));
    });

    test('carries megabytes through a socket unchanged', async () => {
      const path = join(directory, 'bulk.sock');
      const sent = randomBytes(6 * 1024 * 1024);
      const listener = await session.listenUnix(path, (stream) => stream.end(sent));
      const chunks: Buffer[] = [];
      for await (const chunk of await session.connectUnix(path)) chunks.push(Buffer.from(chunk as Uint8Array));
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      await listener.close();
    });

    test('says which socket it cannot connect to or listen on', async () => {
      const path = join(directory, 'absent.sock');
      await expect(session.connectUnix(path)).rejects.toMatchObject({
        code: 'HOST_COMMAND',
        what: expect.stringContaining(path),
      });
      const nowhere = join(directory, 'no', 'such', 'directory.sock');
      await expect(session.listenUnix(nowhere, () => undefined)).rejects.toMatchObject({
        code: 'HOST_COMMAND',
        what: expect.stringContaining(nowhere),
      });
    });

    test('uploads a file whole, over an earlier one', async () => {
      const local = join(directory, 'local');
      const target = join(directory, 'target');
      const sent = randomBytes(3 * 1024 * 1024 + 17);
      await writeFile(local, sent);
      await writeFile(target, 'earlier');
      await session.upload(local, target);
      expect((await readFile(target)).equals(sent)).toBe(true);
      await writeFile(local, '');
      await session.upload(local, target);
      expect(await readFile(target)).toHaveLength(0);
    });

    test('leaves nothing behind of an upload that fails', async () => {
      const local = join(directory, 'local-2');
      await writeFile(local, 'x');
      const folder = await mkdtemp(join(directory, 'upload-'));
      await expect(session.upload(local, join(folder, 'no', 'file'))).rejects.toMatchObject({ code: 'HOST_UPLOAD' });
      await expect(session.upload(join(folder, 'absent'), join(folder, 'file'))).rejects.toMatchObject({
        code: 'HOST_UPLOAD',
      });
      await until('the folder to be empty', async () => (await readdir(folder)).length === 0);
    });

    test('reads a file up to a bound, and says that there is none', async () => {
      const path = join(directory, 'read');
      const sent = randomBytes(100_000);
      await writeFile(path, sent);
      expect(await session.readFile(path, 1_000_000)).toEqual(new Uint8Array(sent));
      expect(await session.readFile(path, 70_001)).toEqual(new Uint8Array(sent.subarray(0, 70_001)));
      expect(await session.readFile(join(directory, 'none'), 10)).toBeUndefined();
      expect((await session.readFile('/proc/self/status', 4096))?.length).toBeGreaterThan(0);
      await expect(session.readFile(directory, 10)).rejects.toMatchObject({ code: 'HOST_COMMAND' });
    });

    test('closed, it refuses everything and ends what runs', async () => {
      const other = await open();
      const process = await other.start(['cat']);
      const ended = process.ended.then(
        () => undefined,
        (error: unknown) => error,
      );
      const run = other.run(['sleep', '30']).catch((error: unknown) => error);
      await other.close();
      expect(await ended).toMatchObject({ code: 'SSH_LOST' });
      expect(await run).toMatchObject({ code: 'SSH_LOST' });
      await expect(other.run(['true'])).rejects.toMatchObject({ code: 'SSH_LOST' });
      await expect(other.connectUnix('/tmp/x')).rejects.toMatchObject({ code: 'SSH_LOST' });
      await expect(other.readFile('/etc/hostname', 1)).rejects.toMatchObject({ code: 'SSH_LOST' });
      await other.close();
    });
  });
}
