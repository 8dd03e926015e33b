import { dataSchemaOf, type EventType } from '../../src/event/event-catalog';

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

function kindOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(' or ');
  if (schema.format === 'date-time') return 'instant';
  if (schema.type === 'array') return `${kindOf(schema.items ?? {})}[]`;
  return [schema.type ?? 'any'].flat().join(' or ');
}

/** The fields of a type's data as docs/events.md writes them: `name kind`, `name? kind`. */
export function fieldWords(type: EventType): string {
  const { properties = {}, required = [] } = dataSchemaOf(type) as JsonSchema;
  const names = Object.entries(properties);
  return names.map(([name, schema]) => `${name}${required.includes(name) ? '' : '?'} ${kindOf(schema)}`).join(', ');
}
