import type { Probe } from '../evidence/schema.ts';
import { quotedText } from '../explain/change.ts';

/** Text of the lab on one line, without control characters. */
const cleaned = (text: string): string => quotedText(text).slice(1, -1).replaceAll('\\"', '"');

const several = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

const troubleText = (trouble: string | undefined): string =>
  trouble === undefined ? 'the lab does not say why' : cleaned(trouble);

const BY_HAND =
  'launch the cell by hand without id-block and id-auth, read MEASUREMENT of the report, and run `snp-conform explain --observed MEASUREMENT` with the inputs of the cell';

/** What came of the launch without an ID block, where it told no digest. */
function reportNote({ state, refusal, trouble, measurement }: Probe, digest: 'known' | 'unknown'): string[] {
  const what = 'the launch without an ID block, for the report of its guest and the command line of its process,';
  if (state === 'failed') {
    const todo =
      digest === 'known' ? 'mend the lab and run the cell again' : `mend the lab and run the cell again, or ${BY_HAND}`;
    return [`${what} failed: ${troubleText(trouble)}; to do: ${todo}`];
  }
  if (digest === 'known' || measurement !== null) return [];
  if (state === 'refused')
    return [
      `${what} was refused too: ${refusal === null ? 'without a reason' : cleaned(refusal.line)}; to do: see why that is refused, it is no matter of the digest`,
    ];
  const none = state === 'silent' ? 'its guest never reported' : 'its guest ran and reported no digest';
  return [`${what} was accepted, and ${none}; to do: let the firmware be asked with --explain oracle, or ${BY_HAND}`];
}

/** What came of the launches that asked the firmware about hypotheses. */
function oracleNote(probes: readonly Probe[], digest: 'known' | 'unknown'): string[] {
  if (probes.length === 0) return [];
  const failed = probes.filter(({ state }) => state === 'failed');
  const [first] = failed;
  const trouble =
    first === undefined
      ? []
      : [
          `${failed.length} of ${several(probes.length, 'launch', 'launches')} that asked the firmware about a hypothesis failed: ${troubleText(first.trouble)}; to do: mend the lab and run the cell again`,
        ];
  const asked = probes.length - failed.length;
  const refused =
    digest === 'known' || asked === 0
      ? []
      : [
          `the firmware was asked about ${several(asked, 'hypothesis', 'hypotheses')}, the most usual ones, and refused each; to do: ${BY_HAND}`,
        ];
  return [...trouble, ...refused];
}

/**
 * What launches that were made to explain a cell could not find out: what was tried, what came of it, what to do.
 * @param digest that the host measured: is it known all the same?
 */
export function probeNotes(probes: readonly Probe[], digest: 'known' | 'unknown'): string[] {
  const reports = probes.filter(({ purpose }) => purpose === 'report').flatMap((probe) => reportNote(probe, digest));
  return [
    ...reports,
    ...oracleNote(
      probes.filter(({ purpose }) => purpose === 'oracle'),
      digest,
    ),
  ];
}
