import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellFile } from '../../lib/evidence/schema.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import type { KdsKnowledge } from '../../lib/firmware/kds.ts';
import { emulatedAuthority } from '../../lib/host/authority-store.ts';
import { type EmulatedKds, startEmulatedKds } from '../../lib/host/emulated-kds.ts';
import { kvmShim } from '../../lib/runner/open-host.ts';
import { needOf, REFUSED_FOR } from '../../lib/scenarios/refused-for.ts';
import { ARTIFACTS_FOLDER, CACHE_FOLDER } from '../support/paths.ts';
import { tries } from '../support/soak.ts';
import { expect, test } from '../support/test.ts';
import { type FinishedRun, Lab, type LabHost } from './lab.ts';

const CSP = 'CN=emulated-cloud';
const TURIN = { product: 'Turin', vlek: { cspId: CSP } } as const;
const SUPPLIES = { attestation: { suppliesCertificates: true } };

const host = (name: string, emulation: Record<string, unknown>, change: Record<string, unknown> = {}): LabHost => ({
  ...{ name, profile: 'upstream-6.12', tags: [] },
  emulation,
  change,
});

const GENOA = host('genoa', { hostCertificates: 'present' }, SUPPLIES);
const CLOUD = host(
  'cloud',
  { ...TURIN, hostCertificates: 'present' },
  { attestation: { suppliesCertificates: true, cspId: CSP } },
);
/** Its TCB was rolled back in what reports say. */
const ROLLED = host('rolled', { reportedTcb: { snp: 22 } });

/** What must be refused of a chip with a VCEK: a few in every run, all with SNP_CONFORM_SOAK=1. */
const OF_VCEK = REFUSED_FOR.filter((refused) => (needOf(refused).key ?? 'VCEK') === 'VCEK').filter(
  (refused) => tries(0, 1) > 0 || ['stale-nonce', 'certificate-of-another-chip', 'empty-host-cache'].includes(refused),
);

let lab: Lab;
let matrix: string;
test.beforeAll(async () => {
  lab = await Lab.start();
  const cache = join(lab.folder, 'cache');
  // On a machine on which nothing was launched yet there is none.
  await kvmShim(CACHE_FOLDER);
  for (const part of ['native', 'emulated-authorities']) {
    await cp(join(CACHE_FOLDER, part), join(cache, part), { recursive: true });
  }
  lab.environment = { SNP_CONFORM_CACHE: cache };
  matrix = await lab.writeJson('matrix.json', {
    format: 'snp-conform/matrix@1',
    artifacts: { firmware: { amdsev: { path: join(ARTIFACTS_FOLDER, 'ovmf-amdsev', 'OVMF.amdsev.fd') } } },
    axes: { firmware: ['amdsev'], vcpus: [1], vcpuType: ['EPYC-v4'] },
  });
});
test.afterAll(async () => {
  await lab.stop();
});

function service(change: Partial<KdsKnowledge> = {}): Promise<EmulatedKds> {
  const chips = ['genoa', 'revoked', 'rolled'].map((name) => emulatedChip(name));
  const authority: KdsKnowledge['authority'] = (product) => emulatedAuthority(CACHE_FOLDER, product);
  return startEmulatedKds({ authority, chips, now: () => new Date(), ...change });
}

async function attested(hosts: readonly LabHost[], args: readonly string[], out: string): Promise<FinishedRun> {
  const files = ['--hosts', await lab.writeHosts(hosts), '--matrix', matrix];
  return lab.run([...files, '--suite', 'attestation', ...args], out);
}

/** How each launch was judged, as `host scenario: result`. */
function results({ cells }: FinishedRun): string[] {
  const of = ({ evidence, verdict }: CellFile): string =>
    `${evidence.host.name} ${evidence.scenario?.replace('attestation/', '')}: ${verdict.result}`;
  return cells.map(of).sort();
}

/** The checks that failed on a host. */
function failed({ cells }: FinishedRun, name: string): string[] {
  const mine = cells.filter(({ evidence }) => evidence.host.name === name);
  return mine.flatMap(({ verdict }) =>
    verdict.checks.filter(({ status }) => status === 'fail').map((check) => check.name),
  );
}

test('reports are verified in both workflows, through a real QEMU over SSH; kept certificates outlive their service', async () => {
  const kds = await service();
  const recording = join(lab.folder, 'attested.jsonl.gz');
  // Of a provider's host what only that has, and one of each workflow.
  const few = `extended|second-launch|standard|${OF_VCEK.join('|')}`;
  const chosen = `^genoa .*/(?:${few}) |^rolled .*/standard |^cloud .*/(?:extended|standard|vlek-of-another-provider) `;
  const live = await attested(
    [GENOA, CLOUD, ROLLED],
    ['--kds', kds.url, '--grep', chosen, '--record', recording],
    'attested',
  );
  expect(live.exitCode, live.stderr + live.stdout).toBe(0);
  const passed = (name: string, scenarios: readonly string[]) =>
    scenarios.map((scenario) => `${name} ${scenario}: pass`).sort();
  expect(results(live)).toEqual([
    ...passed('cloud', ['extended', 'standard', 'vlek-of-another-provider']),
    ...passed('genoa', ['extended', 'second-launch', 'standard', ...OF_VCEK]),
    ...passed('rolled', ['standard']),
  ]);
  for (const { verdict, evidence } of live.cells) {
    const detail = (name: string) => verdict.checks.find((check) => check.name === name);
    expect(detail('attestation-genuine')?.expected).toMatch(/^EMULATED root of trust, no hardware: ARK-emulated-/);
    for (const name of ['second-report', 'attestation-second-report']) {
      expect(detail(name)?.status, `${evidence.scenario} ${name}`).toBe('pass');
    }
    if (evidence.scenario === 'attestation/second-launch') expect(detail('launches-agree')?.status).toBe('pass');
  }
  const ofVceks = kds.asked.filter((path) => path.includes('blSPL'));
  expect(ofVceks.length, 'of each chip with a VCEK it was asked for once').toBe(2);
  expect(ofVceks.filter((path) => path.includes('snpSPL=22')).length, 'another TCB, another VCEK').toBe(1);

  const replay = await lab.run(['--replay', recording], 'replayed');
  expect(replay.exitCode, replay.stderr + replay.stdout).toBe(0);
  expect(results(replay)).toEqual(results(live));

  await kds.close();

  const milan = host('milan', { product: 'Milan' });
  const down = ['--kds', kds.url, '--kds-attempts', '1', '--grep', 'standard'];
  const after = await attested([GENOA, milan], down, 'down');
  expect(results(after), after.stdout).toEqual(['genoa standard: pass', 'milan standard: infrastructure']);
  expect(after.exitCode).toBe(3);
  expect(after.junit).toMatch(/<error message="KDS_UNREACHABLE: the report could not be verified: /);
});

// Wrong certificates in the host's table are scenarios of the suite, which the test before has.
test('what is wrong with a host or its service is seen, each as what it is', async () => {
  const kds = await service({ revoked: ['ask'] });
  const hosts = [
    host('stale', { hostCertificates: 'stale' }, SUPPLIES),
    host(
      'provider',
      { ...TURIN, hostCertificates: 'present' },
      { attestation: { suppliesCertificates: true, cspId: 'CN=another-cloud' } },
    ),
    host('revoked', {}),
    host('unknown', {}),
  ];
  const chosen = '^(?:stale|provider) .*extended|^(?:revoked|unknown) .*standard';
  const run = await attested(hosts, ['--kds', kds.url, '--grep', chosen], 'wrong');
  await kds.close();
  expect(run.exitCode, run.stderr + run.stdout).toBe(1);
  expect(results(run).map((line) => line.replace(/^\S+ \S+ /, ''))).toEqual(hosts.map(() => 'fail'));
  expect(failed(run, 'stale')).toEqual(
    expect.arrayContaining(['attestation-signature', 'attestation-certificate-tcb']),
  );
  expect(failed(run, 'provider')).toEqual(['attestation-wanted']);
  expect(failed(run, 'revoked')).toEqual(['attestation-genuine', 'attestation-revocation']);
  expect(failed(run, 'unknown')).toEqual(expect.arrayContaining(['attestation-certificates']));
  expect(run.junit.match(/<failure /g)?.length).toBe(hosts.length);
});
