/** The annotation that leads a reporter to the file of a cell. */
export const CELL_FILE_ANNOTATION = 'snp-conform cell file';
