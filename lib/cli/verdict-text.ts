import type { Layer } from '../attestation/check-row.ts';
import type { ReportCheck, ReportVerdict } from '../attestation/verify.ts';

const MARKS: Readonly<Record<ReportCheck['status'], string>> = { pass: 'pass', fail: 'FAIL', 'not-applicable': '-' };
const MARK_WIDTH = 4;
const QUESTIONS: Readonly<Record<Layer, string>> = { genuine: 'Is it genuine?', wanted: 'Is it what was wanted?' };

/** What a check that nobody asked for says. */
const NOT_ASKED = 'not asked for';

function checkLines({ name, status, expected, observed, detail }: ReportCheck, width: number): string[] {
  const indent = ' '.repeat(2 + MARK_WIDTH + 2 + width + 2);
  const [first, ...rest] = detail.split('\n');
  const values =
    status === 'fail'
      ? [...(expected === null ? [] : [`expected ${expected}`]), ...(observed === null ? [] : [`observed ${observed}`])]
      : [];
  const head = `  ${MARKS[status].padEnd(MARK_WIDTH)}  ${name.padEnd(width)}  ${first}`;
  return [head, ...[...rest, ...values].map((line) => `${indent}${line}`)];
}

/** The answer to one question: its checks one by one, and in one line those that nobody asked for. */
function layerLines(layer: Layer, verdict: ReportVerdict): string[] {
  const checks = verdict.checks.filter((check) => check.layer === layer);
  const idle = checks.filter(({ status, detail }) => status === 'not-applicable' && detail === NOT_ASKED);
  const told = checks.filter((check) => !idle.includes(check));
  const width = Math.max(...told.map(({ name }) => name.length));
  const vacuous =
    layer === 'wanted' && verdict.nothingAsked ? ' (nothing was asked for beyond what every report must say)' : '';
  return [
    `${QUESTIONS[layer]} ${verdict[layer]}${vacuous}`,
    ...told.flatMap((check) => checkLines(check, width)),
    ...(idle.length === 0 ? [] : [`  not asked for: ${idle.map(({ name }) => name).join(', ')}`]),
  ];
}

/** A verdict for people. @returns lines, the last of them ended too */
export function verdictText(verdict: ReportVerdict): string {
  return `${[...layerLines('genuine', verdict), '', ...layerLines('wanted', verdict)].join('\n')}\n`;
}

/** What failed, for one line: the checks by name, with what the first of them says. */
export function failedChecks({ checks }: ReportVerdict): string {
  const broken = checks.filter(({ status }) => status === 'fail');
  const [first] = broken;
  const detail = first?.detail.split('\n', 1).join('') ?? '';
  return broken.length > 1
    ? `${broken.map(({ name }) => name).join(', ')} failed; ${first?.name}: ${detail}`
    : `${first?.name}: ${detail}`;
}
