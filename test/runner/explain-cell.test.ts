import { HarnessError } from '../../lib/errors.ts';
import { readCell } from '../../lib/evidence/cell-codec.ts';
import { readRecording } from '../../lib/evidence/recording.ts';
import { type Evidence, evidenceSchema, type LiveProcess, type Probe } from '../../lib/evidence/schema.ts';
import { cellExplanationText, explanationKey, isCellExplained } from '../../lib/explain/cell-text.ts';
import { judge } from '../../lib/judge/judge.ts';
import { predict } from '../../lib/measure/predict.ts';
import { vmmProfileOf } from '../../lib/measure/vmm-profiles.ts';
import { type ExplainMeans, explainCell, type ProbeAsk } from '../../lib/runner/explain-cell.ts';
import { artifactsOfEvidence } from '../../lib/runner/known-cell.ts';
import { evidenceInputs, predictEvidence } from '../../lib/runner/predict-cell.ts';
import { projectPath } from '../support/paths.ts';
import { expect, test } from '../support/test.ts';

const RECORDING = readRecording(projectPath('fixtures', 'recordings', 'founding-case.emulated.jsonl.gz'));
const [RECORDED, ACCEPTED] = RECORDING.evidence;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The refused launch of the founding case, as it was before anybody asked why. */
function refused(): Evidence {
  if (RECORDED === undefined) throw new Error('the founding case is not recorded');
  const { probes: _, ...evidence } = RECORDED;
  return evidence;
}

/** The same, predicted as if its host were a newer one. */
function asNewer(): Evidence {
  const evidence = refused();
  return { ...evidence, host: { ...evidence.host, vmmProfile: 'qemu-init2' } };
}

function explain(evidence: Evidence, means: Partial<ExplainMeans>) {
  const verdict = judge(predictEvidence(evidence), evidence);
  const atHand = () => Promise.resolve(artifactsOfEvidence([evidence]));
  const all: ExplainMeans = { mode: 'report', prober: null, atHand, ...means };
  return explainCell({ cell: readCell(evidence.cell), evidence, verdict }, all, new AbortController().signal);
}

/** A host that measures some digest: it answers as the firmware does, digest first, then policy. */
function proberOf(measured: string, reports: 'reports' | 'silent', process: LiveProcess | null = null) {
  const asked: ProbeAsk[] = [];
  return {
    asked,
    probe: (_: unknown, ask: ProbeAsk): Promise<Probe> => {
      asked.push(ask);
      const probe = { purpose: ask.purpose, digest: null, refusal: null, measurement: null, process: null };
      if (ask.purpose === 'report') {
        const measurement = reports === 'reports' ? measured : null;
        return Promise.resolve({ ...probe, state: 'ran', measurement, process });
      }
      const fwError = hex(ask.digest) === measured ? 7 : 11;
      const refusal = { command: 'SNP_LAUNCH_FINISH', ret: -5, fwError, text: '', line: '' } as const;
      return Promise.resolve({ ...probe, state: 'refused', digest: hex(ask.digest), refusal });
    },
  };
}

/** The digest of the launch with one input changed. */
function digestWith(changes: Partial<ReturnType<typeof evidenceInputs>>): string {
  return hex(predict({ ...evidenceInputs(refused()), ...changes }).launchDigest);
}

test('a recorded launch is explained from what was recorded of it', async () => {
  const explained = await explain({ ...refused(), ...(RECORDED?.probes && { probes: RECORDED.probes }) }, {});
  expect(explained?.explanation).toMatchObject({
    direction: 'observed',
    explanations: [
      { kind: 'proof', cause: 'debug-swap', changes: [{ input: 'guestFeatures', from: '0x1', to: '0x21' }] },
    ],
  });
});

test('a launch that was accepted, or that is not to be explained, is left alone', async () => {
  if (ACCEPTED === undefined) throw new Error('the founding case is not recorded');
  const prober = proberOf('', 'reports');
  expect(await explain(ACCEPTED, { prober })).toBeUndefined();
  expect(await explain(refused(), { mode: 'off', prober })).toBeUndefined();
  expect(prober.asked).toEqual([]);
});

test('without a report the firmware is asked about hypotheses, the most usual first, until it accepts one', async () => {
  const prober = proberOf(digestWith({ guestFeatures: 0x21n }), 'silent');
  const explained = await explain(refused(), { mode: 'oracle', prober });
  expect(prober.asked[0]).toEqual({ purpose: 'report' });
  expect(prober.asked.length).toBeLessThan(8);
  expect(explained?.evidence.probes?.length).toBe(prober.asked.length);
  expect(explained?.evidence.probes?.at(-1)?.refusal?.fwError).toBe(7);
  expect(explained?.explanation.explanations[0]?.changes).toEqual([
    { input: 'guestFeatures', from: '0x1', to: '0x21' },
  ]);
});

test('the firmware is asked a set number of times, and not at all where that is not wanted', async () => {
  const never = proberOf('00'.repeat(48), 'silent');
  const explained = await explain(refused(), { mode: 'oracle', prober: never });
  expect(never.asked.length).toBe(17);
  expect(new Set(never.asked.map((ask) => (ask.purpose === 'oracle' ? hex(ask.digest) : ''))).size).toBe(17);
  expect(explained?.explanation.target).toBeNull();
  expect(explained?.explanation.notes?.map((note) => note.split(';')[0])).toEqual([
    expect.stringMatching(
      /^the launch without an ID block, .* was accepted, and its guest ran and reported no digest$/,
    ),
    'the firmware was asked about 16 hypotheses, the most usual ones, and refused each',
  ]);
  // The host has a kernel and a module that turn DebugSwap on: a part is proved, though nobody says what was measured.
  expect(explained?.explanation.explanations[0]).toMatchObject({ kind: 'proof', part: 'seen', cause: 'debug-swap' });
  expect(explained?.explanation.explanations.slice(1).every(({ kind }) => kind === 'hint')).toBe(true);
  expect(explained && isCellExplained(explained.explanation)).toBe(false);
  const wanted = proberOf('00'.repeat(48), 'silent');
  await explain(refused(), { mode: 'report', prober: wanted });
  expect(wanted.asked).toEqual([{ purpose: 'report' }]);
});

/** The live process of the launch, with some words of its command line changed. */
function liveProcess(edit: (argv: string[]) => string[]): LiveProcess {
  const { sent, artifacts } = refused();
  const { sha256 } = artifacts.firmware;
  return { argv: edit([...sent.argv]), files: [{ option: 'firmware', path: '/fw.fd', sha256 }], firmware: null };
}

test('what the live process shows is proof; what is left of the difference is a match beside it, never mixed up', async () => {
  const process = liveProcess((argv) => argv.map((word, at) => (argv[at - 1] === '-smp' ? '5' : word)));
  const all = await explain(refused(), { prober: proberOf(digestWith({ vcpus: 5 }), 'reports', process) });
  expect(all?.explanation.explanations).toMatchObject([
    { kind: 'proof', changes: [{ input: 'vcpus', from: '1', to: '5' }] },
  ]);
  const measured = digestWith({ vcpus: 5, vcpuSignature: 0xb00f00 });
  const part = await explain(refused(), { prober: proberOf(measured, 'reports', process) });
  expect(part?.explanation.explanations).toMatchObject([
    { kind: 'proof', part: 'seen', changes: [{ input: 'vcpus', from: '1', to: '5' }] },
    { kind: 'match', part: 'rest', changes: [{ input: 'vcpuType', from: 'EPYC-v4', to: 'EPYC-Turin' }] },
  ]);
  expect(all && isCellExplained(all.explanation) && part && isCellExplained(part.explanation)).toBe(true);
  expect(part && cellExplanationText(part.explanation)).toMatch(
    /\nwhy \(proof, vcpu-count\): [\s\S]*\n {2}This is a part of the difference[\s\S]*\nbeside that why \(match, vcpu-type\): /,
  );
});

test('a proved difference from which the digest does not follow explains a part, and says that the rest is not explained', async () => {
  const process = liveProcess((argv) => argv.map((word, at) => (argv[at - 1] === '-smp' ? '5' : word)));
  const prober = proberOf('ab'.repeat(48), 'reports', process);
  const part = await explain(asNewer(), { prober, searchMs: 1 });
  if (part === undefined) throw new Error('not explained');
  expect(part.explanation.explanations).toMatchObject([
    { kind: 'proof', part: 'seen', changes: [{ input: 'vcpus' }] },
    {
      ...{ kind: 'proof', part: 'seen' },
      changes: [
        { input: 'guestFeatures', from: '0x1', to: '0x21' },
        { input: 'vmmProfile', from: 'qemu-init2', to: 'qemu-pre-init2' },
      ],
    },
  ]);
  expect(isCellExplained(part.explanation)).toBe(false);
  expect(cellExplanationText(part.explanation)).toMatch(/\nwhy: not explained: the rest: \d+ hypotheses beside it/);
});

test('what the host leaves no choice about is taken for granted where a search from the prediction finds nothing', async () => {
  const changes = { vcpus: 3, vcpuSignature: 0xb00f00, guestFeatures: 0x21n };
  const measured = digestWith({ ...changes, profile: vmmProfileOf('qemu-pre-init2') });
  const search = (searchMs: number) => explain(asNewer(), { prober: proberOf(measured, 'reports'), searchMs });
  // The first search takes all its time, for four changes are too many; of a busy machine the second one needs more.
  let found = await search(500);
  for (const searchMs of [2000, 8000, 16_000]) {
    if (found !== undefined && isCellExplained(found.explanation)) break;
    found = await search(searchMs);
  }
  expect(found?.explanation.explanations).toMatchObject([
    { kind: 'proof', part: 'seen', changes: [{ input: 'guestFeatures' }, { input: 'vmmProfile' }] },
    {
      kind: 'match',
      part: 'rest',
      changes: [
        { input: 'vcpuType', to: 'EPYC-Turin' },
        { input: 'vcpus', to: '3' },
      ],
    },
  ]);
  expect(found && isCellExplained(found.explanation)).toBe(true);
});

test('where the lab fails a launch that should explain, that is told and kept: what was tried, why it failed, what to do', async () => {
  const asked: ProbeAsk[] = [];
  const failing = {
    probe: (_: unknown, ask: ProbeAsk) => {
      asked.push(ask);
      return Promise.reject(new HarnessError({ code: 'SSH_LOST', what: 'gone\u001b[2J', where: 'host milan-1' }));
    },
  };
  const explained = await explain(refused(), { prober: failing, mode: 'oracle' });
  if (explained === undefined) throw new Error('not explained');
  expect(asked.map(({ purpose }) => purpose)).toEqual(['report', 'oracle', 'oracle']);
  expect(explained.evidence.probes).toMatchObject(
    asked.map(({ purpose }) => ({ purpose, state: 'failed', trouble: expect.stringContaining('SSH_LOST: gone') })),
  );
  const { probes: _, ...rest } = explained.evidence;
  expect(rest).toEqual(refused());
  expect(evidenceSchema.parse(explained.evidence)).toEqual(explained.evidence);
  expect(isCellExplained(explained.explanation)).toBe(false);
  const text = cellExplanationText(explained.explanation);
  expect(text).toContain(
    'not found out: the launch without an ID block, for the report of its guest and the command line of its process, failed: SSH_LOST: gone\\u001b[2J (host milan-1); to do: mend the lab and run the cell again',
  );
  expect(text).toContain('not found out: 2 of 2 launches that asked the firmware about a hypothesis failed: SSH_LOST');
});

test('a published digest that the host no longer measures is explained the other way round', async () => {
  const evidence = refused();
  const published = Buffer.from(evidence.sent.idBlock ?? '', 'base64');
  published.set(Buffer.from(digestWith({ vcpus: 3 }), 'hex'));
  const sent = { ...evidence.sent, idBlock: published.toString('base64') };
  const explained = await explain({ ...evidence, sent }, { prober: proberOf(digestWith({}), 'reports') });
  expect(explained?.explanation).toMatchObject({
    direction: 'expected',
    explanations: [{ kind: 'match', changes: [{ input: 'vcpus', from: '1', to: '3' }] }],
  });
});

test('explanations of one cause have one key, and the text says what kind each is', async () => {
  const prober = () => proberOf(digestWith({ guestFeatures: 0x21n }), 'reports');
  const [one, other] = [await explain(refused(), { prober: prober() }), await explain(refused(), { prober: prober() })];
  if (one === undefined || other === undefined) throw new Error('not explained');
  expect(explanationKey(one.explanation)).toBe(explanationKey({ ...other.explanation, target: null, seconds: 9 }));
  expect(cellExplanationText(one.explanation)).toMatch(
    /^the host measured [0-9a-f]{96}\nwhy \(proof, debug-swap\): the host measured/,
  );
  const nothing = { ...one.explanation, explanations: [], exhausted: false };
  expect(cellExplanationText(nothing)).toMatch(
    /why: not explained: \d+ hypotheses do not give this digest, and there are more/,
  );
});
