import { anchorOf } from '../../lib/firmware/authority.ts';
import { emulatedChip } from '../../lib/firmware/chip.ts';
import { answerKds, type KdsKnowledge } from '../../lib/firmware/kds.ts';
import { wrongCertificates } from '../../lib/firmware/wrong-certificates.ts';
import { judge } from '../../lib/judge/judge.ts';
import { KdsClient } from '../../lib/kds/client.ts';
import { Attestor } from '../../lib/runner/attestor.ts';
import { authorityOf, NOW } from '../firmware/emulated-chips.ts';
import { attestedEvidence, reportOf } from '../judge/attested-evidence.ts';
import { NONCE, prediction } from '../judge/made-evidence.ts';
import { testFolder } from '../support/folder.ts';
import { expect, test } from '../support/test.ts';

const inFolder = testFolder();
const LIMITS = { timeoutMs: 5000, bodyBytesMax: 65_536, attempts: 1, pauseMs: 1, pauseMsMax: 1 };

/** A service that can be switched off, and an attestor that asks it. */
class Service {
  up = true;
  asked: string[] = [];
  nowMs = NOW.getTime();
  readonly #knowledge: KdsKnowledge;

  constructor(names: readonly string[]) {
    const chips = names.map((name) => emulatedChip(name));
    this.#knowledge = { authority: authorityOf, chips, now: () => NOW };
  }

  async attestor(folder: string, cspId: string | null = null): Promise<Attestor> {
    const fetch = async (url: string): Promise<Response> => {
      const { pathname, search } = new URL(url);
      this.asked.push(pathname);
      if (!this.up) throw new TypeError('connection refused');
      const { status, body } = await answerKds(`${pathname}${search}`, this.#knowledge);
      return new Response(Uint8Array.from(body), { status });
    };
    const now = () => new Date(this.nowMs);
    const edge = { now, sleep: async () => undefined, note: () => undefined, fetch };
    const settings = { base: 'http://kds.invalid', cacheFolder: inFolder(folder), edge, limits: LIMITS };
    return new Attestor({
      online: new KdsClient({ ...settings, mode: 'online' }),
      offline: new KdsClient({ ...settings, mode: 'offline' }),
      emulatedRoot: anchorOf(await authorityOf('Genoa')),
      cspId,
      makeWrong: async (wrong) => wrongCertificates(wrong, await authorityOf('Genoa'), emulatedChip('lab-1'), NOW),
      now,
    });
  }
}

/** Evidence without what it is to be verified with. */
async function launched(made: Parameters<typeof attestedEvidence>[0] = {}) {
  const { attestation: _, ...evidence } = await attestedEvidence(made);
  return evidence;
}

test('the standard workflow asks the service, and what it answers proves the report', async () => {
  const service = new Service(['lab-1']);
  const evidence = await launched();
  const attestation = await (await service.attestor('standard', null)).attest(evidence, { workflow: 'standard' }, null);
  expect(attestation).toMatchObject({
    workflow: 'standard',
    at: NOW.toISOString(),
    trouble: null,
    earlierReport: null,
  });
  expect(attestation.certificates.length, 'VCEK, ASK, ARK and the list').toBe(4);
  expect(judge(prediction, { ...evidence, attestation }).result).toBe('pass');
});

test('the extended workflow asks nobody', async () => {
  const service = new Service([]);
  const evidence = await launched({ workflow: 'extended' });
  const attestation = await (await service.attestor('extended')).attest(evidence, { workflow: 'extended' }, 'AAAA');
  expect(attestation).toMatchObject({ certificates: [], trouble: null, earlierReport: 'AAAA' });
  expect(service.asked).toEqual([]);
  expect(judge(prediction, { ...evidence, attestation }).result).toBe('pass');
});

test('a VLEK comes from the host in either workflow, the chain above it from the service', async () => {
  const options = { vlek: { cspId: 'CN=one' } };
  const made = await launched({ workflow: 'extended', options });
  const service = new Service([]);
  const attestor = await service.attestor('vlek', 'CN=one');
  const attestation = await attestor.attest(
    { ...made, scenario: 'attestation/standard' },
    { workflow: 'standard' },
    null,
  );
  expect(service.asked).toEqual(['/vlek/v1/Genoa/cert_chain', '/vlek/v1/Genoa/crl']);
  expect(judge(prediction, { ...made, scenario: 'attestation/standard', attestation }).result).toBe('pass');
});

test('a service that is down is asked once in a while, and what was kept goes on to prove', async () => {
  const service = new Service(['lab-1', 'lab-2']);
  const attestor = await service.attestor('down');
  const evidence = await launched();
  await attestor.attest(evidence, { workflow: 'standard' }, null);
  service.up = false;
  service.asked = [];
  const { secondReport: _, ...outcome } = evidence.outcome;
  const other = { ...evidence, outcome: { ...outcome, report: reportOf(emulatedChip('lab-2'), NONCE) } };
  for (let count = 0; count < 3; count += 1) {
    const attestation = await attestor.attest(other, { workflow: 'standard' }, null);
    expect(attestation.trouble).toMatchObject({ code: 'KDS_UNREACHABLE' });
    expect(judge(prediction, { ...other, attestation }).result).toBe('infrastructure');
  }
  expect(service.asked.length, 'the other cells do not wait for it anew').toBe(1);
  const kept = await attestor.attest(evidence, { workflow: 'standard' }, null);
  expect(judge(prediction, { ...evidence, attestation: kept }).result).toBe('pass');

  service.up = true;
  service.nowMs += 6 * 60_000;
  expect((await attestor.attest(other, { workflow: 'standard' }, null)).trouble, 'it is up again').toBeNull();
});

test('a chip that the service does not know is told as that', async () => {
  const attestation = await (await new Service([]).attestor('unknown')).attest(
    await launched(),
    { workflow: 'standard' },
    null,
  );
  expect(attestation.trouble).toMatchObject({ code: 'KDS_NOT_FOUND' });
});

test('a launch without a report asks nobody', async () => {
  const service = new Service([]);
  const evidence = await launched({ outcome: { report: null } });
  expect(await (await service.attestor('none')).attest(evidence, { workflow: 'standard' }, null)).toMatchObject({
    trouble: null,
  });
  expect(service.asked).toEqual([]);
});
