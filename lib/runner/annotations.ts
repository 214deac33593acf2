/** The annotation that leads a reporter to the file of a cell. */
export const CELL_FILE_ANNOTATION = 'snp-conform cell file';
/** The annotation that tells of something that happened in the lab, and is no result. */
export const LAB_NOTICE_ANNOTATION = 'snp-conform lab notice';
/** The annotation that says how a cell that was played back differs from when it was recorded. */
export const REPLAY_CHANGE_ANNOTATION = 'snp-conform replay differs';
/** The annotation that says what must come of a launch. */
export const EXPECTATION_ANNOTATION = 'snp-conform expected';
