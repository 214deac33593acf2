import { ID_AUTH } from '../../../lib/abi/id-auth.ts';
import { fieldOf } from '../../../lib/abi/layout.ts';
import { ATTESTATION_REPORT } from '../../../lib/abi/report.ts';
import type { CellFile, Evidence } from '../../../lib/evidence/schema.ts';
import type { ResultRow } from '../../../lib/reporters/row.ts';
import { bytesOf, madePlace, madeRows, madeTimes } from './made-run.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const DIGEST_BYTES = 48;
/** Characters of base64 in each of the four numbers of the two signatures of an ID auth. */
const SIGNATURE_CHARACTERS = 60;
/** R and S in a signature of ID auth. Source: AMD 56860, ECDSA P-384 signature */
const SIGNATURE_PARTS = [0, 72] as const;

/** What is random in the command line of a cell: the words of one that was made, of which each cell has others. */
function randomWords({ idAuth, idBlock, hostData }: Evidence['sent']): string[] {
  const text = idAuth ?? '';
  const signatures = (['idBlockSig', 'idKeySig'] as const).flatMap((signature) =>
    SIGNATURE_PARTS.map((part) => {
      const from = Math.ceil(((fieldOf(ID_AUTH, signature).at + part) * 4) / 3);
      return text.slice(from, from + SIGNATURE_CHARACTERS);
    }),
  );
  const digest = (idBlock ?? '').slice(0, (DIGEST_BYTES * 4) / 3);
  return [...signatures, digest, base64(Buffer.from(hostData, 'hex'))];
}

/** A made cell at another place, its digest, keys and nonce other random bytes: of the same size, and not to be judged anew. */
function cellLike({ evidence, ...judged }: CellFile, words: readonly string[], number: number): CellFile {
  const { cell, host } = madePlace(evidence.cell, number);
  const { sent, outcome } = evidence;
  const name = `${host} ${cell.id}`;
  const digest = bytesOf(`digest of ${cell.id}`, DIGEST_BYTES);
  const random = bytesOf(name, 1024);
  const others = base64(random.subarray(0, 512));
  let at = 0;
  const replacements = words.map((word, place) => {
    at += word.length;
    return [word, place === words.length - 2 ? base64(digest) : others.slice(at - word.length, at)] as const;
  });
  const argv = sent.argv.map((word) =>
    word.startsWith('sev-snp-guest')
      ? replacements.reduce((text, [old, fresh]) => text.replace(old, fresh), word)
      : word,
  );
  const report = outcome.report === null ? null : Buffer.from(outcome.report, 'base64');
  const fields = {
    reportData: random.subarray(512, 576),
    hostData: random.subarray(576, 608),
    measurement: digest,
    signatureR: random.subarray(608, 656),
    signatureS: random.subarray(656, 704),
  };
  for (const [field, value] of Object.entries(fields)) {
    report?.set(value, fieldOf(ATTESTATION_REPORT, field as keyof typeof fields).at);
  }
  const hex = digest.toString('hex');
  const checks = judged.verdict.checks.map((check) =>
    check.name === 'report-measurement' && check.observed !== null ? { ...check, observed: hex } : check,
  );
  return {
    ...judged,
    predicted: hex,
    verdict: { ...judged.verdict, checks },
    evidence: {
      ...evidence,
      ...madeTimes(number),
      cell,
      host: { ...evidence.host, name: host },
      sent: { ...sent, argv },
      outcome: {
        ...outcome,
        report: report === null ? null : base64(report),
        console: report === null ? '' : `[    0.000000] Linux version of ${name}\nsnp-conform agent ready\n`,
      },
    },
  };
}

/**
 * A run as large as is promised to be read with ease, of which so many cells fail. It is made within a second or two, for
 * only the first two cells are signed, predicted and judged.
 */
export function* largeRun(count: number, failing: number): Generator<ResultRow> {
  const [failed, passed] = [...madeRows(2, (_, number) => (number === 0 ? 'fail' : 'pass'))].map((row) => {
    if (row.cell === undefined) throw new Error('no cell was made');
    return { row, cell: row.cell, words: randomWords(row.cell.evidence.sent) };
  });
  if (failed === undefined || passed === undefined) throw new Error('no cell was made');
  const every = Math.floor(count / failing);
  for (let number = 0; number < count; number++) {
    const model = number % every === 0 ? failed : passed;
    const cell = cellLike(model.cell, model.words, number);
    const { host, cell: planned } = cell.evidence;
    yield { ...model.row, host: host.name, name: planned.id, planned, durationMs: 380 + (number % 140), cell };
  }
}
