import { createHash } from 'node:crypto';
import { fieldOf } from '../../../lib/abi/layout.ts';
import { ATTESTATION_REPORT } from '../../../lib/abi/report.ts';
import { readRecording } from '../../../lib/evidence/recording.ts';
import type { ResultKind } from '../../../lib/evidence/results.ts';
import type { CellFile, Evidence } from '../../../lib/evidence/schema.ts';
import { judge } from '../../../lib/judge/judge.ts';
import { summarise } from '../../../lib/judge/summary.ts';
import type { ResultRow } from '../../../lib/reporters/row.ts';
import { predictEvidence } from '../../../lib/runner/predict-cell.ts';
import { SHIPPED_RECORDING } from '../../runner/plans.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes that no other name gives: what is random in real evidence must not be alike in made evidence. */
function bytesOf(name: string, count: number): Buffer {
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

/** The evidence of a real emulated launch with all that is random, and what the cell says, made anew. */
function madeEvidence(template: Evidence, number: number): Evidence {
  const state = { left: number };
  const cell = {
    ...template.cell,
    vcpuType: pick(AXES.vcpuType, state),
    vcpus: pick(AXES.vcpus, state),
    kernel: pick(AXES.kernel, state),
    guestFeatures: pick(AXES.guestFeatures, state),
    guestPolicy: pick(AXES.guestPolicy, state),
    append: pick(AXES.append, state),
  };
  const host = { ...template.host, name: pick(HOSTS, state) };
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
  const name = `${host.name} ${id}`;
  const report = Buffer.from(template.outcome.report ?? '', 'base64');
  for (const field of ['reportData', 'hostData', 'signatureR', 'signatureS'] as const) {
    const { at, bytes } = fieldOf(ATTESTATION_REPORT, field);
    bytesOf(`${field} of ${name}`, Math.min(bytes, 64)).copy(report, at);
  }
  const made: Evidence = {
    ...template,
    artifacts: {
      ...template.artifacts,
      kernel: { name: cell.kernel, sha256: hex(bytesOf(`kernel ${cell.kernel}`, 32)) },
    },
    cell: { ...cell, id },
    host,
    startedAt: new Date(Date.UTC(2026, 0, 10) + number * 733).toISOString(),
    sent: {
      ...template.sent,
      nonce: hex(bytesOf(`reportData of ${name}`, 64)),
      hostData: hex(bytesOf(`hostData of ${name}`, 32)),
      argv: template.sent.argv.map((word) =>
        word
          .replace(/host-data=[^,]+/, `host-data=${bytesOf(`hostData of ${name}`, 32).toString('base64')}`)
          .replace(/id-block=[^,]+/, `id-block=${bytesOf(`block of ${name}`, 96).toString('base64')}`),
      ),
      idBlock: bytesOf(`block of ${name}`, 96).toString('base64'),
    },
    outcome: { ...template.outcome, console: `[    0.000000] Linux version of ${name}\nsnp-conform agent ready\n` },
    timingsMs: { start: 120 + (number % 37), guest: 210 + (number % 91), end: 40 + (number % 13) },
  };
  const measurement = fieldOf(ATTESTATION_REPORT, 'measurement').at;
  Buffer.from(predictEvidence(made).launchDigest).copy(report, measurement);
  return { ...made, outcome: { ...made.outcome, report: report.toString('base64') } };
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

const CHECK_PASS: CellFile['verdict']['checks'][number]['status'] = 'pass';

function cellFile(evidence: Evidence, result: 'pass' | 'fail'): CellFile {
  const prediction = predictEvidence(evidence);
  const verdict = judge(prediction, evidence);
  // Signatures of made launches do not hold; that is not what is looked at here.
  const checks = verdict.checks.map((check) =>
    result === 'pass' && check.status === 'fail' ? { ...check, status: CHECK_PASS } : check,
  );
  return {
    format: 'snp-conform/cell@1',
    evidence,
    predicted: hex(prediction.launchDigest),
    verdict: { result, checks },
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
      yield { ...base, result, message: '', cell: cellFile(evidence, 'pass') };
    } else if (result === 'fail') {
      const cell = cellFile(refused(evidence), 'fail');
      yield { ...base, result, message: `CHECK_FAILED: ${summarise(cell.verdict)}`, cell };
    } else if (result === 'infrastructure') {
      const message = `SSH_LOST: the connection to ${name} was lost (host ${name})\n  hint: is the machine up?`;
      yield { ...base, result, message, cell: undefined };
    } else {
      yield { ...base, result, message: 'the host has no QEMU build of that name', cell: undefined };
    }
  }
}
