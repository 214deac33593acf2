import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { AGENT_SCRIPT, AGENT_VERSION, REPORT_SHELL_FUNCTIONS } from '../../lib/guest/agent-script.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const NONCE = Uint8Array.from({ length: 64 }, (_, at) => at * 4);
const REPORT = Uint8Array.from({ length: 1184 }, (_, at) => at % 251);

/**
 * What configfs does, as functions in front of the programs: a new folder of requests has its attributes, a write of the
 * nonce makes the report and counts, and who reads after somebody else's write sees that in the count.
 */
const FAKE_CONFIGFS = `
mkdir() {
  [ "$refuses" = mkdir ] && { echo "mkdir: can't create directory '$1': No such device or address" >&2; return 1; }
  command mkdir "$1" || return 1
  printf '%s\\n' "$provider" >"$1/provider"
  printf '%s\\n' "$floor" >"$1/privlevel_floor"
  echo 0 >"$1/generation"
}
rmdir() { rm -rf "$1"; }
dd() {
  case $1 in if=*/outblob) [ "$refuses" = outblob ] && { echo "dd: error reading: Invalid argument" >&2; return 1; } ;; esac
  command dd "$@"
  snp_status=$?
  case $2 in
    of=*/inblob)
      snp_path=\${2#of=}
      snp_folder=\${snp_path%/*}
      cp "$snp_path" seen-nonce
      cp "$snp_folder/privlevel" seen-privlevel 2>/dev/null
      cp report-of-the-firmware "$snp_folder/outblob"
      cp table-of-the-host "$snp_folder/auxblob"
      echo tried >>tries
      [ "$(wc -l <tries)" -le "$disturbed" ] && echo 2 >"$snp_folder/generation" || echo 1 >"$snp_folder/generation"
      ;;
  esac
  return "$snp_status"
}
`;

interface Setting {
  provider?: string;
  floor?: string;
  refuses?: 'mkdir' | 'outblob';
  /** How many requests somebody else writes to meanwhile. */
  disturbed?: number;
  table?: Uint8Array;
  device?: false;
  configfs?: false;
}

let folders = 0;

/** Asks for a report in a shell. @returns what the agent got, or why it got none */
function asked(shell: readonly string[], setting: Setting) {
  folders += 1;
  const cwd = inFolder(String(folders));
  mkdirSync(cwd);
  if (setting.device !== false) mkdirSync(`${cwd}/device`);
  if (setting.configfs !== false) mkdirSync(`${cwd}/tsm`);
  writeFileSync(`${cwd}/nonce`, NONCE);
  writeFileSync(`${cwd}/report-of-the-firmware`, REPORT);
  writeFileSync(`${cwd}/table-of-the-host`, setting.table ?? new Uint8Array());
  writeFileSync(`${cwd}/loading`, "insmod: can't insert 'sev_guest.ko': No such device\n");
  const { provider = 'sev_guest', floor = '0', refuses = '', disturbed = 0 } = setting;
  const script = [
    `provider=${provider} floor=${floor} refuses=${refuses} disturbed=${disturbed}`,
    FAKE_CONFIGFS,
    'sleep() { :; }',
    REPORT_SHELL_FUNCTIONS,
    'snp_tsm=tsm snp_device=device snp_loading=loading',
    'if snp_report nonce report certs; then echo ok; else echo "$snp_why"; fi',
  ];
  const [program = '', ...args] = shell;
  const said = execFileSync(program, [...args, '-c', script.join('\n')], { cwd, encoding: 'utf8', stdio: 'pipe' });
  const read = (name: string): Uint8Array | null =>
    existsSync(`${cwd}/${name}`) ? new Uint8Array(readFileSync(`${cwd}/${name}`)) : null;
  const left = existsSync(`${cwd}/tsm/snp-conform`);
  return { said: said.trimEnd(), report: read('report'), certs: read('certs'), read, left };
}

for (const shell of [['sh'], ['busybox', 'sh']]) {
  test.describe(`the agent in ${shell.join(' ')}`, () => {
    test('gets the report over the nonce, and an empty table where the host has none', () => {
      const got = asked(shell, {});
      expect(got).toMatchObject({ said: 'ok', report: REPORT, certs: new Uint8Array(), left: false });
      expect(got.read('seen-nonce')).toEqual(NONCE);
      expect(got.read('seen-privlevel'), 'VMPL 0 is not asked for by name').toBeNull();
    });

    test('gets the certificate table of the host, of whatever bytes', () => {
      const table = Uint8Array.from({ length: 9001 }, (_, at) => at % 256);
      expect(asked(shell, { table })).toMatchObject({ said: 'ok', certs: table });
    });

    test('asks for the lowest VMPL that it may', () => {
      const got = asked(shell, { floor: '2' });
      expect(got.said).toBe('ok');
      expect(Buffer.from(got.read('seen-privlevel') ?? []).toString()).toBe('2\n');
    });

    test('asks again where somebody else wrote to its request, and not for ever', () => {
      const twice = asked(shell, { disturbed: 2 });
      expect(twice).toMatchObject({ said: 'ok', report: REPORT });
      expect(Buffer.from(twice.read('tries') ?? []).toString()).toBe('tried\n'.repeat(3));
      expect(asked(shell, { disturbed: 99 }).said).toContain('somebody else kept writing');
    });

    test('says why it has no report, with what the kernel said', () => {
      const loading = "insmod: can't insert 'sev_guest.ko': No such device";
      expect(asked(shell, { device: false }).said).toMatch(/^no SNP guest device: .*; insmod: can't insert/);
      expect(asked(shell, { configfs: false }).said).toContain('no configfs-tsm');
      expect(asked(shell, { refuses: 'mkdir' }).said).toMatch(/nothing gives reports; .*No such device or address/);
      expect(asked(shell, { provider: 'tdx_guest' })).toMatchObject({
        said: expect.stringContaining("those of 'tdx_guest'"),
        left: false,
      });
      const refused = asked(shell, { refuses: 'outblob' });
      expect(refused.said).toMatch(
        new RegExp(`^the report was refused; ${loading.replaceAll('.', '\\.')}.*Invalid arg`),
      );
      expect(refused.left, 'the request is taken back').toBe(false);
    });
  });
}

test('the agent says which text it is', () => {
  expect(AGENT_VERSION).toMatch(/^[0-9a-f]{12}$/);
  expect(AGENT_SCRIPT).toContain(`"${AGENT_VERSION}"`);
  expect(AGENT_SCRIPT).not.toContain('@VERSION@');
});

test('the agent is a script that shells can read', () => {
  writeFileSync(inFolder('agent.sh'), AGENT_SCRIPT);
  for (const shell of [['sh'], ['busybox', 'sh']]) {
    const [program = '', ...args] = shell;
    execFileSync(program, [...args, '-n', inFolder('agent.sh')], { stdio: 'pipe' });
  }
});
