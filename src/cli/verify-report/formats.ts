/** Names of the formats: what the command line offers, without the code that writes them. */

/** As `--format` takes them. */
export const FORMATS = ['text', 'json', 'github', 'sarif'] as const;
export type Format = (typeof FORMATS)[number];
