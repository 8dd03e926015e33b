/** A statement as one compares it: servers keep the text of a body, but not its surrounding white space. */
export function words(body: string): string {
  return body.replace(/\s+/g, ' ').replace(/;\s*$/, '').trim();
}
