/** Finds what looks like a secret in files that are to be committed. Pure. */
import { createHash } from 'node:crypto';

/** What is looked for. Each pattern's first group, or the whole, is what would be leaked. */
const PATTERNS = [
  // Encoded keys have many lines: the heading alone, as tests and checks write it, is none.
  { kind: 'private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\\n"'+]+[A-Za-z0-9+/]{40}/g },
  { kind: 'key of AWS', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  { kind: 'key of Tencent Cloud', pattern: /\bAKID[0-9A-Za-z]{32}\b/g },
  { kind: 'token of GitHub', pattern: /\bgh[pousr]_[0-9A-Za-z]{36}\b/g },
  { kind: 'token of npm', pattern: /\bnpm_[0-9A-Za-z]{36}\b/g },
  { kind: 'token of Slack', pattern: /\bxox[abprs]-[0-9A-Za-z-]{20,}/g },
  { kind: 'secret of a webhook', pattern: /\bwhsec_([A-Za-z0-9+/]{32,88}={0,2})/g, isVaried: true },
  {
    kind: 'APIv3 key of WeChat Pay',
    pattern: /api_?v3_?key["']?\s*[:=]\s*["']?([0-9A-Za-z]{32})\b/gi,
    isVaried: true,
  },
  {
    kind: 'password in an address',
    pattern: /\b(?:mysql|rediss?|amqp|https?|smtps?):\/\/[^\s:/@'"`$<{]+:([^\s/@'"`$<{]{6,})@/g,
    isVaried: true,
  },
  {
    kind: '32 bytes in base64',
    pattern: /(?<![A-Za-z0-9+/_-])([A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])/g,
    isVaried: true,
  },
];

/** Fewer different characters than this are a made-up value: `0000…`, `password`. */
const VARIETY_MIN = 12;

/** Made-up values of tests and published vectors, by their SHA-256: only these very values are no secrets. */
const KNOWN = new Set([
  '653bb1245e828fcda4fa53fcd5a3def5bd7654e651f54b4132b73d74e64435c4', // APIv3 key of test/integration/simulator
  'e4fb974a142232e36cee857a0f008a56b15809966cb56651051cdd2493fbd9ac', // APIv3 key of test/unit/payment
  '0c47dd30c7da14ce8078bc464742122187d516456e901ac0c3006dabcec0f743', // the published vector of Standard Webhooks, in docs/events.md
]);

function isKnown(value) {
  return KNOWN.has(createHash('sha256').update(value).digest('hex'));
}

/** Tests may have keys that open nothing. */
function isExempt(path, kind) {
  return kind === '32 bytes in base64' && /^test\//.test(path);
}

/** The hashes of packages are no keys; whatever else a lock file says, such as an address with a password, is looked at. */
function withoutHashes(path, text) {
  if (!/(?:^|\/)package-lock\.json$/.test(path)) return text;
  return text.replace(/("integrity": )"sha\d{3}-[^"\s]*"/g, '$1""');
}

/** What looks like a secret in a file: the kind and the line, never the value. */
export function findSecrets(path, whole) {
  const found = [];
  const text = withoutHashes(path, whole);
  for (const { kind, pattern, isVaried = false } of PATTERNS) {
    if (isExempt(path, kind)) continue;
    for (const match of text.matchAll(pattern)) {
      const value = match[1] ?? match[0];
      if ((isVaried && new Set(value).size < VARIETY_MIN) || isKnown(value)) continue;
      const line = text.slice(0, match.index).split('\n').length;
      found.push({ path, line, kind });
    }
  }
  return found;
}
