/** The attachment that is the file of a cell: blob reports carry it from one machine to another. */
export const CELL_ATTACHMENT = 'snp-conform cell';
/** The annotation that tells of something that happened in the lab, and is no result. */
export const LAB_NOTICE_ANNOTATION = 'snp-conform lab notice';
/** The annotation that says how a cell that was played back differs from when it was recorded. */
export const REPLAY_CHANGE_ANNOTATION = 'snp-conform replay differs';
/** The annotation that says what must come of a launch. */
export const EXPECTATION_ANNOTATION = 'snp-conform expected';
/** What a key of a configuration's metadata begins with under which blob reports say which part of which run they are. */
export const PART_KEY = 'snp-conform part ';
/** The annotation of a test that names the launch it asks for: it may be made before the test begins. */
export const ANNOUNCED_ANNOTATION = 'snp-conform launch';

/** The launch that a test announces; undefined: none. */
export function announcedLaunch(annotations: readonly { type: string; description?: string }[]): string | undefined {
  return annotations.find(({ type }) => type === ANNOUNCED_ANNOTATION)?.description;
}

/** The annotation that says how many milliseconds a launch took that was made ahead of its test. */
export const TOOK_ANNOTATION = 'snp-conform launch took';
