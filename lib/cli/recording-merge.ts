import { EXIT_CODES, HarnessError } from '../errors.ts';
import { lacking, missingParts, strangers } from '../evidence/parts.ts';
import type { RecordingHeader } from '../evidence/recording/format.ts';
import type { Recording } from '../evidence/recording/reader.ts';
import { writeRecording } from '../evidence/recording/writer.ts';
import { type RecordedRow, rowKey } from '../evidence/results.ts';
import { packageVersion } from '../runner/package-root.ts';
import { type Common, opened, outputPath } from './recording-files.ts';

/** A recording that is to become a part of another. */
interface Source {
  path: string;
  recording: Recording;
}

const refusal = (what: string, hint: string): HarnessError =>
  new HarnessError({ code: 'USAGE', what, where: 'recording merge', hint });

/** Opens a recording. @returns none where nothing of it can be read, which is told   @throws HarnessError that, unless it is to go on */
function sourceAt(path: string, flags: Common): Source[] {
  try {
    return [{ path, recording: opened(path, flags) }];
  } catch (thrown) {
    if (flags.keepGoing !== true || !(thrown instanceof HarnessError)) throw thrown;
    process.stderr.write(`snp-conform: ${thrown.message}\n`);
    process.exitCode = EXIT_CODES.configuration;
    return [];
  }
}

/** @throws HarnessError USAGE where two recordings have a cell in common */
function checkCells(sources: readonly Source[]): void {
  const from = new Map<string, string>();
  for (const { path, recording } of sources) {
    for (const entry of recording.entries) {
      const earlier = from.get(rowKey(entry));
      from.set(rowKey(entry), path);
      if (earlier === undefined) continue;
      const hint = 'parts of one run have no cell in common: run --shard 1/2 --record a, run --shard 2/2 --record b';
      throw refusal(`${entry.id} on ${entry.host} is in ${earlier} and in ${path}`, hint);
    }
  }
}

/** What keeps recordings from being one whole run, a line each. */
function partTroubles(sources: readonly Source[]): HarnessError[] {
  const named = sources.flatMap(({ path, recording: { header } }) =>
    (header.partOf?.shares ?? []).flatMap((share) =>
      header.partOf === undefined ? [] : [{ name: path, part: { whole: header.partOf.whole, share } }],
    ),
  );
  const foreign = [...new Set(strangers(named))];
  if (foreign.length > 0) {
    const hint = 'name the recordings of one run; --keep-going merges these all the same';
    return [refusal(foreign.join('\n  '), hint)];
  }
  const hosts = sources.flatMap(({ recording }) => recording.entries.map(({ host }) => host));
  // Recordings that are older name their shard and nothing else.
  const older = sources.some(({ recording: { header } }) => header.parts !== undefined && header.partOf === undefined);
  const missing = older
    ? missingParts(sources.flatMap(({ recording }) => recording.header.parts ?? []))
    : lacking(
        named.map(({ part }) => part),
        hosts,
      );
  if (missing.length === 0) return [];
  const what = `of the parts of this run, ${missing.slice(0, 20).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not there`;
  return [refusal(what, 'name their recordings too; without them, --keep-going merges what is there')];
}

/** A part that is lost, or of another run, must not pass for one whose cells all hold. @throws HarnessError USAGE */
function checkParts(sources: readonly Source[], { keepGoing }: Common): void {
  for (const error of partTroubles(sources)) {
    if (keepGoing !== true) throw error;
    process.stderr.write(`snp-conform: ${error.message}\n`);
    process.exitCode = EXIT_CODES.configuration;
  }
}

/** What the parts say together of the run that was cut; undefined where they are of several. */
function partOfAll(sources: readonly Source[]): RecordingHeader['partOf'] {
  const all = sources.flatMap(({ recording }) => recording.header.partOf ?? []);
  const [first] = all;
  const named = all.flatMap(({ whole, shares }) => shares.map((share) => ({ name: '', part: { whole, share } })));
  if (first === undefined || strangers(named).length > 0) return undefined;
  return { whole: first.whole, shares: named.map(({ part }) => part.share) };
}

/** The parts of one run become one recording; what is of no part, or of two, is not guessed at. */
export async function mergeRecordings(output: string, paths: readonly string[], flags: Common): Promise<void> {
  const sources = paths.flatMap((path) => sourceAt(path, flags));
  if (sources.length === 0)
    throw refusal('none of these recordings can be read', 'what is wrong with each stands above');
  checkCells(sources);
  const redactions = new Map<string, number>();
  for (const { recording } of sources) {
    for (const [name, count] of Object.entries(recording.header.redactions)) {
      redactions.set(name, (redactions.get(name) ?? 0) + count);
    }
  }
  const recordedAt = sources.map(({ recording }) => recording.header.recordedAt).sort()[0] ?? '';
  const target = paths.map((path) => outputPath(path, output))[0] ?? output;
  const rows = function* (): Generator<RecordedRow> {
    for (const { recording } of sources) yield* recording.rows();
  };
  const tool = `snp-conform ${packageVersion()}`;
  const held = sources.flatMap(({ recording }) => recording.header.parts ?? []);
  const statement = {
    ...{ recordedAt: new Date(recordedAt), tool, redactions: Object.fromEntries(redactions) },
    ...(held.length > 0 && { parts: held }),
    partOf: partOfAll(sources),
  };
  checkParts(sources, flags);
  // What is whole was merged: the recordings that were named are not.
  if (sources.some(({ recording }) => recording.damages.length > 0)) process.exitCode = EXIT_CODES.configuration;
  const cells = await writeRecording(target, rows, statement);
  process.stdout.write(`kept ${cells} cells of ${sources.length} recordings in ${output}\n`);
}
