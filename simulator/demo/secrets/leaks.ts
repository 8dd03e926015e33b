/** Secrets of a run, and the search for them in what its programs say. Pure. */

/** A text that must not leak, and what it is. */
export interface Secret {
  readonly what: string;
  readonly text: string;
}

/** The lines of a key in PEM that are the key: each of them is enough to know it by. */
export function pemLines(what: string, pem: string): Secret[] {
  return pem
    .split('\n')
    .filter((line) => /^[A-Za-z0-9+/=]{24,}$/.test(line))
    .map((text) => ({ what, text }));
}

/** A key in base64, as it is and in hex. */
export function base64Key(what: string, key: string): Secret[] {
  return [
    { what, text: key },
    { what: `${what} in hex`, text: Buffer.from(key, 'base64').toString('hex') },
  ];
}

/** The keys of a ring, `id:base64` joined by commas. */
export function dataKeySecrets(ring: string): Secret[] {
  return ring.split(',').flatMap((entry) => base64Key('data key', entry.split(':')[1] ?? ''));
}

interface Told {
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: string;
}

/** What must stay sealed of what WeChat Pay told, given as it is sealed: the content, its signature, who paid. */
export function toldSecrets(body: string): Secret[] {
  if (!body.startsWith('{')) return [];
  const { headers, resource } = JSON.parse(body) as Told;
  const { payer } = JSON.parse(resource) as { payer?: { openid?: string } };
  return [
    { what: 'callback', text: resource },
    { what: 'signature of a callback', text: headers['wechatpay-signature'] ?? '' },
    { what: 'openid of a callback', text: payer?.openid ?? '' },
  ];
}

/** Which secrets a text holds, as it is or escaped as JSON does; what they are and where, never the secret itself. */
export function findLeaks(secrets: readonly Secret[], where: string, text: string): string[] {
  const leaked = secrets.filter(
    (secret) => text.includes(secret.text) || text.includes(JSON.stringify(secret.text).slice(1, -1)),
  );
  return [...new Set(leaked.map(({ what }) => `${where} holds: ${what}`))];
}
