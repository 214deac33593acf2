import { createHash } from 'node:crypto';
import { fieldOf } from '../../../lib/abi/layout.ts';
import { ATTESTATION_REPORT } from '../../../lib/abi/report.ts';
import { readRecording } from '../../../lib/evidence/recording.ts';
import type { Judged, RecordedRow, ResultKind } from '../../../lib/evidence/results.ts';
import type { CellFile, Evidence } from '../../../lib/evidence/schema.ts';
import { snpPublicKey } from '../../../lib/identity/ecdsa.ts';
import { authorKeyDigest, buildIdAuth, idKeyDigest } from '../../../lib/identity/id-auth.ts';
import { buildIdBlock } from '../../../lib/identity/id-block.ts';
import { generateKeys } from '../../../lib/identity/keys.ts';
import { judge } from '../../../lib/judge/judge.ts';
import { summarise } from '../../../lib/judge/summary.ts';
import type { ResultRow } from '../../../lib/reporters/row.ts';
import { predictEvidence } from '../../../lib/runner/predict-cell.ts';
import { SHIPPED_RECORDING } from '../../runner/plans.ts';

/** The guest owner of all made cells. */
const KEYS = generateKeys();

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes that no other name gives: what is random in real evidence must not be alike in made evidence. */
export function bytesOf(name: string, count: number): Buffer {
  const parts = Array.from({ length: Math.ceil(count / 64) }, (_, part) =>
    createHash('sha512').update(`${name} ${part}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, count);
}

const AXES = {
  kernel: ['linux-6.1', 'linux-6.6', 'linux-6.12', 'linux-6.18', 'linux-6.19'],
  vcpuType: ['EPYC-v4', 'EPYC-Rome', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-Turin'],
  vcpus: [1, 2, 4, 8, 16, 32, 64, 96, 128, 192],
  guestPolicy: ['0x30000', '0xb0000'],
  guestFeatures: ['0x1', '0x21'],
  append: ['console=ttyS0', 'console=ttyS0 quiet', 'console=ttyS0 root=/dev/vda1 ro'],
} as const;
const HOSTS = ['genoa-1', 'genoa-2', 'milan-1', 'turin-1'];

function pick<T>(of: readonly T[], state: { left: number }): T {
  const value = of[state.left % of.length] as T;
  state.left = Math.floor(state.left / of.length);
  return value;
}

/** Where a made cell stands: on the axes, and on which host. */
export function madePlace(template: Evidence['cell'], number: number): { cell: Evidence['cell']; host: string } {
  const state = { left: number };
  const cell = {
    ...template,
    vcpuType: pick(AXES.vcpuType, state),
    vcpus: pick(AXES.vcpus, state),
    kernel: pick(AXES.kernel, state),
    guestFeatures: pick(AXES.guestFeatures, state),
    guestPolicy: pick(AXES.guestPolicy, state),
    append: pick(AXES.append, state),
  };
  const host = pick(HOSTS, state);
  const turn = state.left;
  const id = [
    cell.firmware,
    cell.kernel,
    `append-${cell.append.length}`,
    `policy-${cell.guestPolicy}`,
    `features-${cell.guestFeatures}`,
    `${cell.vcpus}-vcpu`,
    cell.vcpuType,
    ...(turn > 0 ? [`qemu-${turn}`] : []),
  ].join('/');
  return { cell: { ...cell, id }, host };
}

/** When a made cell was launched, and how long each part of that took. */
export function madeTimes(number: number): Pick<Evidence, 'startedAt' | 'timingsMs'> {
  return {
    startedAt: new Date(Date.UTC(2026, 0, 10) + number * 733).toISOString(),
    timingsMs: { start: 120 + (number % 37), guest: 210 + (number % 91), end: 40 + (number % 13) },
  };
}

/** The evidence of a real emulated launch with all that is random, and what the cell says, made anew. */
function madeEvidence(template: Evidence, number: number): Evidence {
  const { cell, host } = madePlace(template.cell, number);
  const kernel = { name: String(cell.kernel), sha256: hex(bytesOf(`kernel ${cell.kernel}`, 32)) };
  const unsigned: Evidence = {
    ...template,
    artifacts: { ...template.artifacts, kernel },
    cell,
    host: { ...template.host, name: host },
    ...madeTimes(number),
  };
  return signed(unsigned, `${host} ${cell.id}`);
}

/** Evidence with an identity that holds for what is predicted, and a report that says so. */
function signed(evidence: Evidence, name: string): Evidence {
  const { launchDigest } = predictEvidence(evidence);
  const policy = BigInt(evidence.cell.guestPolicy);
  const idBlock = buildIdBlock({ launchDigest, policy });
  const idAuth = buildIdAuth({ idBlock, ...KEYS });
  const nonce = bytesOf(`nonce of ${name}`, 64);
  const hostData = bytesOf(`host data of ${name}`, 32);
  const policyBytes = Buffer.alloc(8);
  policyBytes.writeBigUInt64LE(policy);
  const reportFor = (reportData: Uint8Array, what: string): string => {
    const report = Buffer.from(evidence.outcome.report ?? '', 'base64');
    const fields = {
      reportData,
      hostData,
      policy: policyBytes,
      measurement: launchDigest,
      idKeyDigest: idKeyDigest(snpPublicKey(KEYS.idKey)),
      authorKeyDigest: authorKeyDigest(snpPublicKey(KEYS.authorKey)),
      signatureR: bytesOf(`r of ${what} of ${name}`, 48),
      signatureS: bytesOf(`s of ${what} of ${name}`, 48),
    };
    for (const [field, value] of Object.entries(fields)) {
      report.set(value, fieldOf(ATTESTATION_REPORT, field as keyof typeof fields).at);
    }
    return report.toString('base64');
  };
  const secondNonce = bytesOf(`second nonce of ${name}`, 64);
  const sent = {
    idBlock: base64(idBlock),
    idAuth: base64(idAuth),
    nonce: hex(nonce),
    secondNonce: hex(secondNonce),
    hostData: hex(hostData),
  };
  const argv = evidence.sent.argv.map((word) =>
    word
      .replace(/host-data=[^,]+/, `host-data=${base64(hostData)}`)
      .replace(/id-block=[^,]+/, `id-block=${sent.idBlock}`)
      .replace(/id-auth=[^,]+/, `id-auth=${sent.idAuth}`)
      .replace(/policy=[^,]+/, `policy=${evidence.cell.guestPolicy}`),
  );
  const trace = evidence.outcome.trace.map((line) =>
    line.event === 'launch_start' ? { ...line, policy: evidence.cell.guestPolicy } : line,
  );
  const console = `[    0.000000] Linux version of ${name}\nsnp-conform agent ready\n`;
  const reports = { report: reportFor(nonce, 'report'), secondReport: reportFor(secondNonce, 'second report') };
  const outcome = { ...evidence.outcome, trace, console, ...reports };
  return { ...evidence, sent: { ...evidence.sent, ...sent, argv }, outcome };
}

/** The same launch, refused at its end. */
function refused(evidence: Evidence): Evidence {
  const line = "qemu-system-x86_64: SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad measurement'";
  const refusal = { command: 'SNP_LAUNCH_FINISH' as const, ret: -5, fwError: 11, text: 'Bad measurement', line };
  return {
    ...evidence,
    outcome: {
      ...evidence.outcome,
      state: 'refused',
      exitCode: 1,
      refusal,
      report: null,
      stderr: `${line}\n`,
      console: '',
    },
  };
}

/** How a made cell does; most pass. */
export type Fate = (evidence: Evidence, number: number) => ResultKind;

const template = (): Evidence => {
  const found = readRecording(SHIPPED_RECORDING).evidence.find(({ cell }) => cell.kernel !== null);
  if (found === undefined) throw new Error('the shipped recording has no cell with a kernel');
  return found;
};

function cellFile(evidence: Evidence): CellFile {
  const prediction = predictEvidence(evidence);
  return {
    format: 'snp-conform/cell@1',
    evidence,
    predicted: hex(prediction.launchDigest),
    verdict: judge(prediction, evidence),
  };
}

/** Rows of a run that never was: real evidence of the emulated host, spread over the axes of a large matrix. */
export function* madeRows(count: number, fate: Fate): Generator<ResultRow> {
  const real = template();
  for (let number = 0; number < count; number++) {
    const evidence = madeEvidence(real, number);
    const result = fate(evidence, number);
    const { name } = evidence.host;
    const base = {
      suite: 'launch',
      host: name,
      name: evidence.cell.id,
      planned: evidence.cell,
      durationMs: 380 + (number % 140),
    };
    if (result === 'pass') {
      yield { ...base, result, message: '', cell: cellFile(evidence) };
    } else if (result === 'fail') {
      const cell = cellFile(refused(evidence));
      yield { ...base, result, message: `CHECK_FAILED: ${summarise(cell.verdict)}`, cell };
    } else if (result === 'infrastructure') {
      const message = `SSH_LOST: the connection to ${name} was lost (host ${name})\n  hint: is the machine up?`;
      yield { ...base, result, message, cell: undefined };
    } else {
      yield { ...base, result, message: 'the host has no QEMU build of that name', cell: undefined };
    }
  }
}

/** The same as rows of a recording. */
export function* madeRecordedRows(count: number, fate: Fate): Generator<RecordedRow> {
  for (const { suite, host, name, result, durationMs, message, planned = null, cell } of madeRows(count, fate)) {
    const { format: _, evidence = null, ...judged } = cell ?? {};
    const row = { suite, host, id: name, result, durationMs, message, cell: planned, evidence };
    yield { ...row, judged: cell === undefined ? null : (judged as Judged) };
  }
}
