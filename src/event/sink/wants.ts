import type { EventSinkSetting } from '../../platform/event-sinks-setting';
import type { CloudEvent } from '../envelope';
import { TEMPLATES } from './templates';

/** Which sinks want which events. */

function matches(pattern: string, type: string): boolean {
  if (pattern === '*') return true;
  return pattern.endsWith('.*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** Whether a sink takes events of a type: those for people take only what there is a text for. */
function sinkWants({ kind, types = ['*'] }: EventSinkSetting, type: string): boolean {
  if (kind !== 'webhook' && !Object.hasOwn(TEMPLATES, type)) return false;
  return types.some((pattern) => matches(pattern, type));
}

/** The names of the sinks that want an event. */
export function wantsOf(sinks: readonly EventSinkSetting[]): (event: CloudEvent) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return ({ type }) => {
    const names = known.get(type) ?? sinks.filter((sink) => sinkWants(sink, type)).map(({ name }) => name);
    known.set(type, names);
    return names;
  };
}
