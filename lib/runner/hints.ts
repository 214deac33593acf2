/** What to do about a trouble, where several places say the same. */
export const HARNESS_HINTS = {
  artifact: 'paths in a matrix start at its file; those that begin with cache: are fetched by: npm run setup',
} as const;
