import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { LaunchProcesses } from '../../../lib/runner/ahead/launch-processes.ts';
import { AHEAD_VARIABLE, type Announced, type Told } from '../../../lib/runner/ahead/messages.ts';
import { testFolder } from '../../support/folder.ts';
import { expect, test } from '../../support/test.ts';
import { isAlive, until } from '../../support/until.ts';

const path = testFolder();

/** Does to each launch what its name says. What it hears is written down. */
const CHILD = `
import { appendFileSync } from 'node:fs';
const heard = (line) => appendFileSync(process.env.HEARD_FILE, line + '\\n');
heard('pid ' + process.pid);
let words = 8;
const live = () => {
  process.send('alive');
  words -= 1;
  if (words > 0) setTimeout(live, 100);
  else heard('said its last word');
};
const done = (host, launch) => process.send({ host, launch, told: { host, launch, tookMs: 1, notices: [], error: null } });
process.on('message', (message) => {
  heard(JSON.stringify(message));
  if (message.kind === 'stop') process.exit(0);
  if (message.kind === 'asked' && message.launch === 'never-but-lives') live();
  if (message.kind === 'asked' && message.launch === 'when-asked') done(message.host, message.launch);
  for (const [host, launches] of Object.entries(message.announced ?? {})) {
    for (const launch of launches) {
      if (launch.startsWith('done')) done(host, launch);
      if (launch === 'unknown') process.send({ host, launch, told: null });
      if (launch === 'dies') process.kill(process.pid, 'SIGKILL');
    }
  }
});
`;

let starts = 0;

async function started(announced: Announced, { hosts = ['milan-1'], silenceMs = 60_000 } = {}) {
  const [program, heardFile] = [path('child.mjs'), path(`heard-${starts++}`)];
  writeFileSync(program, CHILD);
  writeFileSync(heardFile, '');
  process.env.HEARD_FILE = heardFile;
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  const processes = await LaunchProcesses.start({ hosts, program: pathToFileURL(program), silenceMs, say });
  const socketPath = process.env[AHEAD_VARIABLE] ?? '';
  processes.launch(announced);
  const heard = (): string[] => readFileSync(heardFile, 'utf8').split('\n').filter(Boolean);
  return { processes, said, socketPath, heard };
}

/** Asks as a worker does. */
function ask(socketPath: string, launch: string, host = 'milan-1'): Promise<Told | null> {
  const socket = connect(socketPath);
  socket.write(`${JSON.stringify({ host, launch })}\n`);
  return new Promise((resolve, reject) => {
    createInterface({ input: socket }).once('line', (line) => {
      socket.destroy();
      resolve(JSON.parse(line).told);
    });
    socket.once('close', () => reject(new Error('no answer')));
  });
}

test('a worker is told what came of a launch, and of what nobody launches nothing; one that speaks nonsense harms none', async () => {
  const announced = { 'milan-1': ['done-1', 'unknown', 'when-asked'], nobodys: ['done-2'] };
  const { processes, said, socketPath } = await started(announced);
  const nonsense = connect(socketPath);
  nonsense.write('{"host":\n');
  await new Promise((resolve) => nonsense.once('close', resolve));
  expect(await ask(socketPath, 'done-1')).toMatchObject({ launch: 'done-1', error: null });
  expect(await ask(socketPath, 'unknown')).toBeNull();
  expect(await ask(socketPath, 'never-announced')).toBeNull();
  expect(await ask(socketPath, 'done-2', 'nobodys')).toBeNull();
  // Its process is told that it is waited for.
  expect(await ask(socketPath, 'when-asked')).toMatchObject({ launch: 'when-asked' });
  await processes.stop();
  expect(said).toEqual([]);
});

test('of a process that is killed all is given up, with what it had told kept, and that is said', async () => {
  const { processes, said, socketPath } = await started({ 'milan-1': ['done', 'never', 'dies'] });
  expect(await ask(socketPath, 'never')).toBeNull();
  expect(await ask(socketPath, 'done')).toMatchObject({ launch: 'done' });
  expect(said).toEqual([
    'the process that launches on milan-1 ended (SIGKILL); its tests launch by themselves, one at a time',
  ]);
  await processes.stop();
});

test('a process that says nothing while somebody waits is ended', async () => {
  const { processes, said, socketPath } = await started({ 'milan-1': ['never'] }, { silenceMs: 1 });
  expect(await ask(socketPath, 'never')).toBeNull();
  expect(said.join()).toContain('(SIGKILL)');
  await processes.stop();
});

test('a process that says that it lives may take its time', async () => {
  const { processes, socketPath, heard } = await started({ 'milan-1': ['never-but-lives'] }, { silenceMs: 600 });
  await until('its first word', () => heard().length > 0);
  expect(await ask(socketPath, 'never-but-lives')).toBeNull();
  expect(heard().join(), 'it was ended after its last word').toContain('said its last word');
  await processes.stop();
});

test('its end is the end of its processes, of its folder, and of the wait of whoever still waits', async () => {
  const { processes, socketPath, heard } = await started({ 'milan-1': ['never'] });
  const waiting = ask(socketPath, 'never').catch(() => null);
  await until('the question', () => heard().some((line) => line.includes('asked')));
  await processes.stop();
  expect(await waiting).toBeNull();
  const pid = Number(/pid (\d+)/.exec(heard().join())?.[1]);
  expect([isAlive(pid), existsSync(dirname(socketPath))]).toEqual([false, false]);
});

test('a process with nothing to launch is ended at once, without a word, and nothing is begun after the end', async () => {
  const { processes, said, heard } = await started({});
  await until('its end', () => heard().includes('{"kind":"stop"}'));
  await processes.stop();
  processes.launch({ 'milan-1': ['done'] });
  expect([said, heard().filter((line) => line.includes('announced'))]).toEqual([[], []]);
});

test('what a run left whose processes were all killed is removed a day later, and nothing of one that lives', async () => {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = path('left-over');
  const gone = 2 ** 22 + 1;
  const names = [`snp-ahead-${gone}-abcdef`, `snp-ahead-${process.pid}-abcdef`, `snp-ahead-${gone}-ghijkl`];
  for (const name of names) mkdirSync(path('left-over', name), { recursive: true });
  for (const name of names.slice(0, 2)) utimesSync(path('left-over', name), 0, 0);
  try {
    const { processes } = await started({});
    await processes.stop();
    expect(names.map((name) => existsSync(path('left-over', name)))).toEqual([false, true, true]);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
});

test('where the folder for temporary files has a long path, its socket is elsewhere', async () => {
  const { TMPDIR } = process.env;
  const long = path('x'.repeat(100));
  mkdirSync(long);
  process.env.TMPDIR = long;
  try {
    const { processes, socketPath } = await started({}, { hosts: [] });
    expect(dirname(dirname(socketPath))).toBe('/tmp');
    await processes.stop();
    expect([existsSync(dirname(socketPath)), readdirSync(long)]).toEqual([false, []]);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
});
