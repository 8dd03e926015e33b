import type { Caller } from './calls';
import { platformErrors } from './errors';

/**
 * Two people agree: who made a thing what it is never lets it take effect. Persons are compared, not roles: the name in
 * `spiffe://billing/<role>/<name>`. Which things need it, and when, is for each domain to say. Pure.
 */

/** The person behind an identity `spiffe://billing/<role>/<name>`: another role does not make another person. */
function personOf(identity: string): string {
  return identity.split('/').at(-1) ?? identity;
}

/** Whether a caller is among those who made something what it is since somebody else agreed to it last. */
export function isFirstPerson(caller: Pick<Caller, 'name'>, editors: readonly string[]): boolean {
  return editors.map(personOf).includes(caller.name);
}

/** Those who made something what it is, after somebody edited it. */
export function withEditor(editors: readonly string[], identity: string): readonly string[] {
  return editors.includes(identity) ? editors : [...editors, identity];
}

/** Those who made it what it is, after somebody let it take effect: nobody any more, if that was somebody else. */
export function afterActivation(editors: readonly string[], caller: Pick<Caller, 'name'>): readonly string[] {
  return isFirstPerson(caller, editors) ? editors : [];
}

/** The identities that a column of editors names. */
export function editorsOf(column: string): readonly string[] {
  return JSON.parse(column) as string[];
}

/** The refusal of a caller who is not the second person. `editors` says who is not; `subject` names the thing. */
export function secondPersonRequired(subject: Readonly<Record<string, string>>, editors: readonly string[]): Error {
  return platformErrors.SECOND_PERSON_REQUIRED({ metadata: { ...subject, editors: editors.join(' ') } });
}
