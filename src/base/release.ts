/** Kernel releases as users write them. */
import { FormatError } from './errors.ts';

/** The newest release that the tables describe. */
export const NEWEST_RELEASE = '6.18';

/** A release as text (`5.10`, `v6.1.3`, `6.18-rc2`) as numbers. @throws FormatError for anything else, and for releases newer than the tables */
export function parseRelease(text: string): readonly [major: number, minor: number] {
  const match = /^v?(\d{1,3})\.(\d{1,4})(?:[.-].*)?$/.exec(text.trim());
  if (match === null) throw new FormatError(`'${text}' is no kernel release, expected one like 5.10`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  const [newestMajor = 0, newestMinor = 0] = NEWEST_RELEASE.split('.').map(Number);
  if (major > newestMajor || (major === newestMajor && minor > newestMinor)) {
    throw new FormatError(`what Linux ${major}.${minor} has is not known here, expected a release up to ${NEWEST_RELEASE}`);
  }
  return [major, minor];
}
