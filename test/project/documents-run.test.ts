import { mkdirSync, writeFileSync } from 'node:fs';
import { runHere } from '../support/cli-here.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';
import { makeScene, type Scene } from './document-scene.ts';
import { documentPages, type Printed, printedOn, shellLine } from './printed-commands.ts';

const inFolder = testFolder();

/** What is not run here, and why; each row is about something that is printed. */
const ELSEWHERE: readonly (readonly [line: RegExp, because: string])[] = [
  [/^run .*--replay/, 'starts a runner: test/cli/replay.test.ts, and test/emulated/ci-recipes.test.ts with --record'],
  [/^run (?!.*--replay)/, 'launches guests: test/emulated'],
  [/^(?:merge-reports|recording merge) /, 'needs what shards left: test/cli/shards.test.ts'],
  [/^init /, 'launches guests: test/emulated/init.test.ts'],
  [/^bisect /, 'launches guests: test/compare/bisect.test.ts'],
  [/^hosts /, 'asks hosts: test/cli/hosts.test.ts, test/emulated/lab-faults.test.ts'],
  [/^compare /, 'needs two runs: test/cli/compare.test.ts'],
  [/^explain --evidence/, 'needs a run: test/emulated/explain.test.ts'],
  [/^guest-initrd /, 'needs the modules of a kernel: test/cli/guest-initrd.test.ts'],
  [/--from-argv - /, 'reads a process of a host: test/cli/from-argv.test.ts'],
];

/** Reports of a made-up chip: what AMD's service would be asked for is in a folder, and their root is trusted by hand. */
const MADE_UP = ['--trusted-ark', 'certificates/ark.der', '--now', '2026-06-01', '--offline'];

/** How a command ends and what it prints; the first row that fits. A command that no row fits is not run by anybody. */
const OUTCOMES: readonly (readonly [line: RegExp, exitCode: number, stdout: RegExp])[] = [
  [/^predict .*--ledger --json/, 0, /^\{[\s\S]*"digest"/],
  [/^predict .*--ledger/, 0, /0x000000800000 [\s\S]*\b[0-9a-f]{96}\n$/],
  [/^predict --matrix/, 0, /"snp-conform\/reference@1"[\s\S]*"amdsev\/no-kernel\//],
  [/^predict /, 0, /^[0-9a-f]{96}\n$/],
  [/^diff-ledger /, 1, /VMSA/],
  [/^profiles/, 0, /qemu-init2/],
  [/^keygen .*--public-key/, 0, /^[0-9a-f]{96}\n$/],
  [/^keygen /, 0, /^[0-9a-f]{96}\n$/],
  [/^key-digest /, 0, /^[0-9a-f]{96}\n$/],
  [/^id-block --check /, 0, /id-block-signature/],
  [/^id-block .*--json/, 0, /^\{[\s\S]*"idBlock"/],
  [/^id-block .*--object/, 0, /^-object sev-snp-guest,.*id-block=/],
  [/^id-block /, 0, /^id-block=[A-Za-z0-9+/=]{128}\nid-auth=/],
  [/^policy --debug/, 0, /^0x[0-9a-f]+\n$/],
  [/^policy 0xb0000 --no-debug/, 0, /^0x30000\n$/],
  [/^policy .*--host-/, 1, /ret=-\d+ fw_error=/],
  [/^policy /, 0, /bits +field +value +meaning/],
  [/^why /, 0, /BAD_MEASUREMENT/],
  [/^explain --observed/, 0, /the host measured guest features 0x21/],
  [/^explain --from-argv/, 0, /The digests are equal/],
  [/^report show /, 0, /^attestation report, version 3/],
  [/^report verify /, 0, /genuine/],
];

const pages = documentPages().map((path) => ({ path, printed: printedOn(path) }));
const isElsewhere = ({ line }: Printed): boolean => ELSEWHERE.some(([pattern]) => pattern.test(line));

/** Runs one printed command in the scene. @returns what is wrong with how it ended; undefined where nothing is */
async function trouble({ where, line }: Printed, { variables, folder }: Scene): Promise<string | undefined> {
  const outcome = OUTCOMES.find(([pattern]) => pattern.test(line));
  if (outcome === undefined) return `${where}: nothing says how this ends: ${line}`;
  const { words, into, comment } = shellLine(line.replaceAll('/srv/artifacts', `${folder}/artifacts`), variables);
  const args = words[0] === 'report' && words[1] === 'verify' ? [...words, ...MADE_UP] : words;
  const certificates = args.includes('--certs') || args === words ? [] : ['--certs', 'certificates/'];
  const { exitCode, stdout, stderr } = await runHere([...args, ...certificates], {
    SNP_CONFORM_CACHE: `${folder}/cache`,
    AUTHOR_PASS: 'a secret',
  });
  if (into !== undefined) writeFileSync(into, stdout);
  const [, wantedCode, wanted] = outcome;
  const promised = /^prints (\S+) and nothing else$/.exec(comment)?.[1];
  const printsIt = promised === undefined ? wanted.test(stdout) : stdout === `${promised}\n`;
  if (exitCode === wantedCode && printsIt) return undefined;
  return `${where}: snp-conform ${line}\nended with ${exitCode}, expected ${wantedCode}, and printed\n${`${stdout}${stderr}`.slice(0, 600)}`;
}

for (const { path, printed } of pages.filter((page) => page.printed.some((one) => !isElsewhere(one)))) {
  test(`${path}: its commands run as they are printed, in their order, and end as it says`, async () => {
    const folder = inFolder(path.replaceAll('/', '-'));
    mkdirSync(folder);
    const before = process.cwd();
    process.chdir(folder);
    try {
      const scene = await makeScene(folder);
      const wrong: string[] = [];
      for (const one of printed.filter((command) => !isElsewhere(command))) {
        const told = await trouble(one, scene);
        if (told !== undefined) wrong.push(told);
      }
      expect(wrong.join('\n')).toBe('');
    } finally {
      process.chdir(before);
    }
  });
}

test('what is said to be run elsewhere, and how commands end, is about something that is printed', () => {
  const lines = pages.flatMap(({ printed }) => printed.map(({ line }) => line));
  const idle = [...ELSEWHERE, ...OUTCOMES].filter(([pattern]) => !lines.some((line) => pattern.test(line)));
  expect(idle.map(([pattern]) => pattern.source)).toEqual([]);
});
