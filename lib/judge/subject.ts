import type { IdAuth } from '../abi/id-auth.ts';
import type { IdBlock } from '../abi/id-block.ts';
import { sizeOf } from '../abi/layout.ts';
import { ATTESTATION_REPORT, type AttestationReport } from '../abi/report.ts';
import { parseReport } from '../attestation/report.ts';
import { HarnessError } from '../errors.ts';
import type { Evidence } from '../evidence/schema.ts';
import { parseIdAuth } from '../identity/id-auth.ts';
import { parseIdBlock } from '../identity/id-block.ts';
import type { Prediction } from '../measure/inputs.ts';
import type { Expectation } from '../scenarios/expectation.ts';
import { isOwnLaunch, OPEN } from '../scenarios/own-launch.ts';
import { policyFactsOf } from '../scenarios/policy-facts.ts';
import type { Scenario } from '../scenarios/scenario.ts';
import { expectationOf, findScenario } from '../scenarios/scenarios.ts';
import { quoted } from '../text.ts';

/** A structure of the evidence: read, not there, or there and not readable. */
export type Reading<T> =
  | { state: 'read'; bytes: Uint8Array; value: T }
  | { state: 'absent'; why: string }
  | { state: 'damaged'; why: string };

/** What checks look at: prediction and evidence, and the structures in it, read once. */
export interface Subject {
  prediction: Prediction;
  evidence: Evidence;
  idBlock: Reading<IdBlock>;
  idAuth: Reading<IdAuth>;
  report: Reading<AttestationReport>;
  /** undefined: the plain launch of a cell, or a scenario that this version does not know. */
  scenario: Scenario | undefined;
  /** What had to come of the launch, as this version sees it. */
  expectation: Expectation;
}

/** The guest policy that a launch was meant to have. */
export function launchedPolicy({ sent, cell }: Pick<Evidence, 'sent' | 'cell'>): bigint {
  return BigInt(sent.guestPolicy ?? cell.guestPolicy);
}

function expectationFor(evidence: Evidence, scenario: Scenario | undefined): Expectation {
  if (scenario !== undefined) return expectationOf(scenario, launchedPolicy(evidence), policyFactsOf(evidence.host));
  if (evidence.scenario === undefined) return { outcome: 'accepted' };
  // Where its guest ran, the report of a launch of one's own must agree with what was sent all the same.
  if (isOwnLaunch(evidence.scenario)) return evidence.outcome.state === 'refused' ? OPEN : { outcome: 'accepted' };
  return { outcome: 'unknown', why: `this version knows no scenario ${evidence.scenario}` };
}

const ID_BLOCK_BYTES = 96;
const ID_AUTH_BYTES = 4096;

/** Decodes base64 of exactly so many bytes; undefined for any other text, its length looked at before it is decoded. */
export function bytesOfBase64(text: string, bytes: number): Uint8Array | undefined {
  if (text.length !== 4 * Math.ceil(bytes / 3)) return undefined;
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text ? new Uint8Array(decoded) : undefined;
}

/** Reads a structure of exactly so many bytes. */
export function readBase64<T>(text: string, bytes: number, parse: (bytes: Uint8Array) => T): Reading<T> {
  const decoded = bytesOfBase64(text, bytes);
  if (decoded === undefined) {
    return { state: 'damaged', why: `expected base64 of ${bytes} bytes, got ${text.length} characters` };
  }
  try {
    return { state: 'read', bytes: decoded, value: parse(decoded) };
  } catch (error) {
    if (!(error instanceof HarnessError)) throw error;
    return { state: 'damaged', why: error.where === undefined ? error.what : `${error.what} (${error.where})` };
  }
}

const NO_REPORT: Record<Evidence['outcome']['state'], string> = {
  refused: 'there is no report: the guest never ran',
  silent: 'there is no report: the guest did not speak in time',
  ran: 'there is no report: the guest ran and sent none',
};

/** Why there is no report: in the guest's words where it said something. */
function noReport({ state, guest }: Evidence['outcome']): string {
  const [said] = guest?.errors ?? [];
  return said === undefined ? NO_REPORT[state] : `${NO_REPORT[state]}; it said: ${quoted(said)}`;
}

/** Reads the structures in the evidence; what is wrong with them is for checks to say, so nothing is thrown. */
export function subjectOf(prediction: Prediction, evidence: Evidence): Subject {
  const { idBlock, idAuth } = evidence.sent;
  const { report } = evidence.outcome;
  const scenario = evidence.scenario === undefined ? undefined : findScenario(evidence.scenario);
  return {
    prediction,
    evidence,
    scenario,
    expectation: expectationFor(evidence, scenario),
    idBlock:
      idBlock === null
        ? { state: 'absent', why: 'no ID block was sent' }
        : readBase64(idBlock, ID_BLOCK_BYTES, parseIdBlock),
    idAuth:
      idAuth === null
        ? { state: 'absent', why: 'no ID auth was sent' }
        : readBase64(idAuth, ID_AUTH_BYTES, (bytes) => parseIdAuth(bytes, { reserved: 'keep' })),
    report:
      report === null
        ? { state: 'absent', why: noReport(evidence.outcome) }
        : readBase64(report, sizeOf(ATTESTATION_REPORT), parseReport),
  };
}
