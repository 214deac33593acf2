import { type Comparison, changeText, compareRuns, isRegression } from '../../lib/compare/compare.ts';
import type { RowFacts } from '../../lib/compare/facts.ts';
import { expect, test } from '../support/test.ts';
import { facts, lost, nightOf, refused, reporting } from './planted.ts';

const BEFORE = facts(nightOf());
const QEMU_10 = '10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)';

/** What a comparison says, in numbers; what it does not say is left out. */
function said(comparison: Comparison): Record<string, unknown> {
  const lists = {
    newFailures: comparison.newFailures.length,
    fixed: comparison.fixed.length,
    stillFailing: comparison.stillFailing.length,
    notJudged: comparison.notJudged.length,
    judgedAgain: comparison.judgedAgain.length,
    digestAlarms: comparison.digestAlarms.length,
    predictionAlarms: comparison.predictionAlarms.length,
    digestChanges: comparison.digestChanges
      .map(({ rows, inputs }) => `${rows.length}: ${inputs.map(changeText)}`)
      .join('; '),
    newCells: comparison.newCells.length,
    goneCells: comparison.goneCells.length,
    provenance: comparison.provenance.map((change) => `${change.cells}: ${changeText(change)}`).join('; '),
    shared: comparison.sharedByNewFailures.map((cause) => `${changeText(cause)} (${cause.passing})`).join('; '),
  };
  return Object.fromEntries(Object.entries(lists).filter(([, value]) => value !== 0 && value !== ''));
}

const against = (now: readonly RowFacts[]): Comparison => compareRuns(BEFORE, now);

test('a run is like itself', () => {
  expect(said(against(BEFORE))).toEqual({});
  expect(against(BEFORE).common).toBe(60);
  expect(isRegression(against(BEFORE))).toBe(false);
});

test('another firmware build changes the digests of its cells as predicted, and of no other', () => {
  const now = nightOf((evidence) => {
    if (evidence.artifacts.firmware.name !== 'amdsev') return evidence;
    const { firmware } = evidence.artifacts;
    const descriptor = { ...firmware.descriptor, pagesDigest: 'ab'.repeat(48), sha256: 'cd'.repeat(32) };
    const artifacts = { ...evidence.artifacts, firmware: { ...firmware, sha256: 'cd'.repeat(32), descriptor } };
    return { ...evidence, artifacts };
  });
  expect(said(against(facts(now)))).toEqual({
    digestChanges: '40: firmware: 3e4fd0b3fe3b... -> cdcdcdcdcdcd...',
    provenance: '40: firmware amdsev: 3e4fd0b3fe3b... -> cdcdcdcdcdcd...',
  });
});

test('another kernel of a host changes its digests as predicted', () => {
  const now = nightOf((evidence) => {
    if (evidence.host.name !== 'emulated-amd') return evidence;
    return { ...evidence, host: { ...evidence.host, profile: 'upstream-6.12', vmmProfile: 'qemu-init2' } };
  });
  expect(said(against(facts(now)))).toEqual({
    digestChanges: '30: VMM profile: qemu-pre-init2 -> qemu-init2',
    provenance:
      '30: host emulated-amd: emulated host profile: amd-6.8 -> upstream-6.12; 30: host emulated-amd: VMM profile: qemu-pre-init2 -> qemu-init2',
  });
});

test('a QEMU that breaks the cells of one vCPU type is what all new failures share', () => {
  const now = nightOf((evidence) => {
    const build = evidence.host.qemu.default;
    if (build === undefined || evidence.host.name !== 'emulated-amd') return evidence;
    return { ...evidence, host: { ...evidence.host, qemu: { default: { ...build, version: '11.1.0' } } } };
  }).map((row) => (row.host === 'emulated-amd' && row.cell?.vcpuType === 'EPYC-Milan' ? refused(row) : row));
  const comparison = against(facts(now));
  expect(isRegression(comparison)).toBe(true);
  expect(said(comparison)).toEqual({
    newFailures: 15,
    provenance: `30: host emulated-amd: QEMU default: ${QEMU_10} -> 11.1.0`,
    shared: `host emulated-amd: QEMU default: ${QEMU_10} -> 11.1.0 (15)`,
  });
});

test('a digest that is another though no input is raises the alarm, and says what changed meanwhile', () => {
  const rows = nightOf();
  const [first] = rows;
  if (first === undefined || first.evidence === null) throw new Error('no evidence');
  const build = { path: '/usr/bin/qemu', version: '11.1.0' };
  const host = { ...first.evidence.host, qemu: { default: build } };
  const moved = { ...first, evidence: { ...reporting(first.evidence, 'ee'.repeat(48)), host } };
  const comparison = against(facts([moved, ...rows.slice(1)]));
  expect(isRegression(comparison)).toBe(true);
  expect(said(comparison)).toEqual({
    digestAlarms: 1,
    provenance: `1: host emulated-amd: QEMU default: ${QEMU_10} -> 11.1.0`,
  });
});

test('a prediction that is another though no input is raises the alarm: the calculator changed', () => {
  const now = BEFORE.map((row, place) => (place === 3 ? { ...row, predicted: 'ee'.repeat(48) } : row));
  expect(said(against(now))).toEqual({ predictionAlarms: 1 });
  expect(isRegression(against(now))).toBe(true);
});

test('one cell that fails with nothing changed is a new failure that shares nothing', () => {
  const now = nightOf().map((row, place) => (place === 7 ? refused(row) : row));
  expect(said(against(facts(now)))).toEqual({ newFailures: 1 });
  expect(said(compareRuns(facts(now), BEFORE))).toEqual({ fixed: 1 });
  expect(said(compareRuns(facts(now), facts(now)))).toEqual({ stillFailing: 1 });
});

test('a host that was out is no regression, and its cells are not judged', () => {
  const now = nightOf().map((row) => (row.host === 'emulated-upstream' ? lost(row) : row));
  expect(said(against(facts(now)))).toEqual({ notJudged: 30 });
  expect(isRegression(against(facts(now)))).toBe(false);
  expect(said(compareRuns(facts(now), BEFORE))).toEqual({ judgedAgain: 30 });
});

test('a cell that failed when the lab came back is a new failure', () => {
  const out = facts(nightOf().map((row, place) => (place === 0 ? lost(row) : row)));
  const now = facts(nightOf().map((row, place) => (place === 0 ? refused(row) : row)));
  expect(said(compareRuns(out, now))).toMatchObject({ newFailures: 1 });
});

test('cells are told in one order, whichever ended first', () => {
  const { newCells } = compareRuns([], [...BEFORE].reverse());
  expect(newCells).toEqual(compareRuns([], BEFORE).newCells);
  const counts = newCells.filter(({ host }) => host === newCells[0]?.host).map(({ id }) => id);
  expect(counts).toEqual([...counts].sort(new Intl.Collator('en', { numeric: true }).compare));
});

test('new and gone cells are told, and cells of a host with another name are the same cells when that is said', () => {
  expect(said(against(BEFORE.slice(2)))).toEqual({ goneCells: 2 });
  expect(said(compareRuns(BEFORE.slice(2), BEFORE))).toEqual({ newCells: 2 });
  const moved = facts(
    nightOf().map((row) => {
      if (row.host !== 'emulated-amd' || row.evidence === null) return row;
      return {
        ...row,
        host: 'milan-7',
        evidence: { ...row.evidence, host: { ...row.evidence.host, name: 'milan-7' } },
      };
    }),
  );
  expect(said(against(moved))).toEqual({ newCells: 30, goneCells: 30 });
  expect(said(compareRuns(BEFORE, moved, new Map([['emulated-amd', 'milan-7']])))).toEqual({});
});
