import { readFile, writeFile } from 'node:fs/promises';
import { idBlockCommand } from '../../lib/cli/id-block.ts';
import { snpPublicKey } from '../../lib/identity/ecdsa.ts';
import { authorKeyDigest, idKeyDigest } from '../../lib/identity/id-auth.ts';
import { parseIdBlock } from '../../lib/identity/id-block.ts';
import { checkIdentity } from '../../lib/identity/identity-check.ts';
import { privateKeyPem } from '../../lib/identity/key-text.ts';
import { generateKeys, publicHalf } from '../../lib/identity/keys.ts';
import { SEV_SNP_MEASURE } from '../identity/published-blocks.ts';
import type { CliRun } from '../support/cli.ts';
import { runHere } from '../support/cli-here.ts';
import { firmwareImage } from '../support/firmware-image.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const keys = generateKeys();
const digest = Buffer.from(SEV_SNP_MEASURE.launchDigest, 'base64');
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');

async function written(name: string, content: string | Uint8Array): Promise<string> {
  const path = inFolder(name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** The options that name the keys, as files. */
async function keyOptions(): Promise<string[]> {
  const idKey = await written('id.pem', privateKeyPem(keys.idKey, { type: 'sec1' }));
  const passphrase = Buffer.from('hush');
  const author = await written('author.pem', privateKeyPem(keys.authorKey, { type: 'pkcs8', passphrase }));
  const secret = await written('pass', 'hush\n');
  return ['--id-key', idKey, '--author-key', author, '--author-key-passphrase-file', secret];
}

/** Values by key of what is printed one a line. */
const lines = ({ stdout }: CliRun): Record<string, string> =>
  Object.fromEntries(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

interface Checked {
  right: boolean;
  results: { name: string; status: string; detail: string; why: string | null }[];
  firmwareAnswer: { check: string; name: string; status: number; line: string } | null;
}

async function checked(args: readonly string[]): Promise<{ run: CliRun; json: Checked; wrong: string[] }> {
  const run = await runHere(['id-block', '--check', '--json', ...args]);
  const json = JSON.parse(run.stdout || 'null') as Checked;
  return { run, json, wrong: json.results.filter(({ status }) => status === 'fail').map(({ name }) => name) };
}

// Source of the block: virtee/sev-snp-measure, tests/test_id_block.py.
test('id-block prints the two values of QEMU, the block as sev-snp-measure makes it, and they hold', async () => {
  const run = await runHere(['id-block', '--digest', hex(digest), ...(await keyOptions())]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const { 'id-block': idBlock = '', 'id-auth': idAuth = '', 'author-key-enabled': enabled } = lines(run);
  expect(Object.keys(lines(run))).toEqual(['id-block', 'id-auth', 'author-key-enabled']);
  expect(enabled).toBe('on');
  expect(bytes(idBlock)).toEqual(SEV_SNP_MEASURE.idBlock);
  expect(idAuth).toHaveLength(5464);
  const inputs = { idBlock: bytes(idBlock), idAuth: bytes(idAuth), authorKeyEnabled: true };
  const results = checkIdentity({ ...inputs, launchDigest: new Uint8Array(digest), policy: 0x30000n });
  expect(results.filter(({ status }) => status !== 'pass')).toEqual([]);
});

test('id-block takes the inputs of predict, every field of the block, and prints JSON with the key digests', async () => {
  const launch = ['--ovmf', await written('ovmf.fd', firmwareImage()), '--vcpus', '2', '--vcpu-type', 'EPYC-v4'];
  const fields = ['--policy', '0xb0137', '--family-id', 'fa'.repeat(16), '--guest-svn', '9', '--block-version', '1'];
  const id = ['--image-id', '00112233-4455-6677-8899-aabbccddeeff'];
  const run = await runHere(['id-block', '--json', ...launch, ...fields, ...id, ...(await keyOptions())]);
  const predicted = (await runHere(['predict', ...launch])).stdout.trim();
  const json = JSON.parse(run.stdout);
  expect(json).toMatchObject({
    launchDigest: predicted,
    policy: '0xb0137',
    familyId: 'fa'.repeat(16),
    imageId: '00112233445566778899aabbccddeeff',
    guestSvn: 9,
    version: 1,
    authorKeyEnabled: true,
    idKeyDigest: hex(idKeyDigest(snpPublicKey(keys.idKey))),
    authorKeyDigest: hex(authorKeyDigest(snpPublicKey(keys.authorKey))),
  });
  expect(parseIdBlock(bytes(json.idBlock))).toMatchObject({ policy: 0xb0137n, guestSvn: 9 });
  expect(json.object).toMatch(
    /^-object sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0xb0137,id-block=.*,author-key-enabled=on$/,
  );
});

test('the object of a whole launch is printed with the values in it, and checks as right', async () => {
  const ovmf = await written('ovmf.fd', firmwareImage());
  const words = ['qemu-kvm', '-accel', 'kvm', '-machine', 'q35,confidential-guest-support=g', '-smp', '2'];
  const object = 'sev-snp-guest,id=g,cbitpos=47,reduced-phys-bits=1,policy=0xb0000';
  const launch = async (of: string): Promise<string> =>
    written('argv.json', JSON.stringify([...words, '-cpu', 'EPYC-v4', '-bios', ovmf, '-object', of]));
  const made = await runHere(['id-block', '--object', '--from-argv', await launch(object), ...(await keyOptions())]);
  expect(made.stdout).toMatch(/^-object sev-snp-guest,id=g,cbitpos=47,reduced-phys-bits=1,policy=0xb0000,id-block=/);
  const withBlock = made.stdout.trim().replace('-object ', '');

  const good = await checked(['--from-argv', await launch(withBlock)]);
  expect(good.run).toMatchObject({ exitCode: 0 });
  expect(good.json).toMatchObject({ right: true, firmwareAnswer: null });
  expect(good.json.results.map(({ status }) => status)).toEqual(Array<string>(11).fill('pass'));

  // What an operator gets wrong: another policy at launch, features of another host, the author key not enabled.
  const changed = withBlock.replace('policy=0xb0000', 'policy=0x30000').replace('author-key-enabled=on', 'x=1');
  const argv = await launch(changed.replace(',x=1', ''));
  const bad = await checked(['--from-argv', argv, '--guest-features', '0x21']);
  expect(bad.run.exitCode).toBe(1);
  expect(bad.wrong).toEqual(['launch-digest', 'policy', 'author-key-enabled']);
  expect(bad.json.firmwareAnswer).toMatchObject({ check: 'launch-digest', name: 'BAD_MEASUREMENT', status: 11 });
});

test('--check takes base64, hex, files of both, the bytes, and what tools print', async () => {
  const made = await runHere(['id-block', '--json', '--digest', hex(digest), ...(await keyOptions())]);
  const { idBlock, idAuth } = JSON.parse(made.stdout) as { idBlock: string; idAuth: string };
  const both = await written('both.txt', `id-block=${idBlock},id-auth=${idAuth}\nid_key_hash: x\n`);
  const launch = ['--digest', Buffer.from(hex(digest)).toString('base64'), '--policy', '0x30000'];
  const forms: readonly (readonly [string, string])[] = [
    [idBlock, await written('auth.b64', `${idAuth}\n`)],
    [Buffer.from(idBlock, 'base64').toString('hex'), await written('auth.bin', Buffer.from(idAuth, 'base64'))],
    [both, both],
    [await written('made.json', made.stdout), await written('auth.hex', Buffer.from(idAuth, 'base64').toString('hex'))],
  ];
  for (const [block, auth] of forms) {
    const { run, wrong } = await checked(['--id-block', block, '--id-auth', auth, ...launch]);
    expect(wrong).toEqual([]);
    expect(run.exitCode).toBe(0);
    expect(run.stderr).toContain('base64 of the hex digits');
  }
});

test('--check says what is right and wrong, why, and what QEMU would print', async () => {
  const made = lines(
    await runHere(['id-block', '--digest', hex(digest), '--policy', '0xb0000', ...(await keyOptions())]),
  );
  const block = Buffer.from(made['id-block'] ?? '', 'base64');
  block.writeBigUInt64LE(0x30000n, 0x58);
  const args = ['--id-block', block.toString('base64'), '--id-auth', await written('auth', made['id-auth'] ?? '')];
  const run = await runHere(['id-block', '--check', ...args, '--digest', hex(digest), '--policy', '0xb0000']);
  expect(run.exitCode).toBe(1);
  expect(run.stdout).toMatch(/^right {2}launch-digest/m);
  expect(run.stdout).toMatch(
    /^WRONG {2}policy .*made for 0x30000, the launch has 0xb0000: DEBUG is clear in the block$/m,
  );
  expect(run.stdout).toMatch(/^WRONG {2}id-block-signature .*\n +why: the block was changed after it was signed/m);
  expect(run.stdout).toContain('the firmware would answer POLICY_FAILURE (7), for policy; QEMU would print');
  expect(run.stdout).toContain("SNP_LAUNCH_FINISH ret=-5 fw_error=7 'Policy is not allowed'");
});

test('a key that never leaves its holder signs through a program', async () => {
  const secret = await written('held.pem', privateKeyPem(keys.idKey, { type: 'pkcs8' }));
  const signer = await written(
    'signer.mjs',
    `import { createPrivateKey, createECDH } from 'node:crypto';
     import { execFileSync } from 'node:child_process';
     import { readFileSync } from 'node:fs';
     const digest = readFileSync(0);
     if (digest.length !== 48 || process.env.SNP_CONFORM_SIGNING_KEY !== 'id-key') process.exit(9);
     process.stdout.write(execFileSync('openssl', ['pkeyutl', '-sign', '-inkey', process.argv[2]], { input: digest }));`,
  );
  const publicKey = publicHalf(keys.idKey, 'ID key').export({ type: 'spki', format: 'pem' }).toString();
  const args = ['--id-key', await written('id.pub.pem', publicKey), '--signer', `node '${signer}' "${secret}"`];
  const run = await runHere(['id-block', '--digest', hex(digest), ...args]);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const { 'id-block': idBlock = '', 'id-auth': idAuth = '' } = lines(run);
  const results = checkIdentity({
    idBlock: bytes(idBlock),
    idAuth: bytes(idAuth),
    authorKeyEnabled: false,
    launchDigest: new Uint8Array(digest),
    policy: 0x30000n,
  });
  expect(results.filter(({ status }) => status === 'fail')).toEqual([]);
});

const WRONG: readonly (readonly [what: string, args: readonly string[], message: RegExp])[] = [
  ['no launch', ['--id-key', 'k'], /USAGE: no launch is given/],
  ['no key', ['--digest', 'ab'.repeat(48)], /USAGE: no ID key is given/],
  ['a digest of another kind', ['--digest', 'ab'.repeat(32)], /DIGEST_INVALID: .*got 32[\s\S]*a SHA-256/],
  ['a digest and a launch', ['--digest', 'ab'.repeat(48), '--vcpus', '1'], /USAGE: --digest does not go with --vcpus/],
  ['a passphrase', ['--id-key-passphrase', 'hush'], /USAGE: a passphrase is never taken from the command line/],
  ['a shell for a signer', ['--signer', 'sign | head'], /USAGE: the command of the signer is several commands/],
  ['what belongs to --check', ['--id-block', 'x'], /USAGE: --id-block is given without --check/],
  ['what does not belong to it', ['--check', '--id-key', 'x'], /USAGE: --id-key does not go with --check/],
  ['a mode without ID blocks', ['--mode', 'sev', '--ovmf', 'x'], /USAGE: --mode sev does not go with an ID block/],
  [
    'a block that is none',
    ['--check', '--id-block', 'AAAA', '--id-auth', 'AAAA'],
    /ID_BLOCK_INVALID: expected an ID block of 96/,
  ],
];

for (const [what, args, message] of WRONG) {
  test(`id-block refuses ${what} as wrong input`, async () => {
    const error = await idBlockCommand()
      .exitOverride()
      .parseAsync([...args], { from: 'user' })
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    expect(error).toMatchObject({ kind: 'configuration' });
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain('hush');
  });
}

test('a policy that no firmware launches is signed all the same, and said to be one', async () => {
  const run = await runHere(['id-block', '--digest', hex(digest), '--policy', '0x21', ...(await keyOptions())]);
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toMatch(/^warning: no firmware launches the policy 0x21: .*guest features/);
});

test('a key file that others may read is told', async () => {
  const path = await written('open.pem', privateKeyPem(keys.idKey, { type: 'pkcs8' }));
  const { chmod } = await import('node:fs/promises');
  await chmod(path, 0o644);
  const run = await runHere(['id-block', '--digest', hex(digest), '--id-key', path]);
  expect(run.exitCode).toBe(0);
  expect(run.stderr).toContain('has mode 0644: other users may reach it');
  expect(await readFile(path, 'utf8')).toContain('PRIVATE KEY');
});
