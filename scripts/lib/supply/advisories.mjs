/** What `npm audit --json` came to. Pure. */

/** Severities that fail the step in what is delivered. */
const FAILING = new Set(['high', 'critical']);

/**
 * `unknown` with the reason where nobody could be asked: a registry without the endpoint, or none to be reached.
 * Otherwise the packages with known vulnerabilities, the failing ones apart.
 */
export function judgeAudit(text) {
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    return { unknown: 'npm audit gave no answer that can be read' };
  }
  if (typeof answer.vulnerabilities !== 'object' || answer.vulnerabilities === null) {
    const why = answer.message ?? answer.error?.summary ?? '';
    return { unknown: why === '' ? 'npm audit gave no list of vulnerabilities' : why };
  }
  const found = Object.values(answer.vulnerabilities).map(({ name, severity, range }) => {
    return { isFailing: FAILING.has(severity), line: `${name} ${range}: ${severity}` };
  });
  return {
    failing: found.filter(({ isFailing }) => isFailing).map(({ line }) => line),
    others: found.filter(({ isFailing }) => !isFailing).map(({ line }) => line),
  };
}
