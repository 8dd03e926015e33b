/**
 * Cuts a text that payers see to a number of bytes of UTF-8, between two characters. WeChat Pay refuses characters of
 * four bytes (emoji), and control characters make no sense to a payer: both are dropped.
 */
export function fitText(text: string, bytesMax: number): string {
  let fitted = '';
  let bytes = 0;
  for (const character of text) {
    if (!isAccepted(character)) continue;
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    fitted += character;
  }
  return fitted;
}

function isAccepted(character: string): boolean {
  const point = character.codePointAt(0) ?? 0;
  const isControl = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const isLoneSurrogate = point >= 0xd800 && point <= 0xdfff;
  return point <= 0xffff && !isControl && !isLoneSurrogate;
}
