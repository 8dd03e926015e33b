import { hostname } from 'node:os';

/** What an alert about a certificate, or the files of one, is about: this host's; another may have another one. */
export function certificateSubject(which: string): string {
  return `${which}@${hostname()}`.slice(0, SUBJECT_LENGTH_MAX).replaceAll(/[^\x21-\x7e]/g, '-');
}

/** As long as the column. */
const SUBJECT_LENGTH_MAX = 64;
