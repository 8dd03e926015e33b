import { paramError, type ApiError } from './api-error';

interface StringRule {
  readonly kind: 'string';
  readonly charactersMax: number;
  readonly bytesMax?: number;
  readonly pattern?: RegExp;
  readonly oneOf?: readonly string[];
  /** What the pattern cannot say; returns the issue, or undefined when the value is good. */
  readonly check?: (value: string) => string | undefined;
}
interface IntegerRule {
  readonly kind: 'integer';
  readonly min?: number;
  readonly max?: number;
}
interface NumberRule {
  readonly kind: 'number';
  readonly min: number;
  readonly max: number;
}
interface BooleanRule {
  readonly kind: 'boolean';
}
interface ArrayRule {
  readonly kind: 'array';
  readonly of: Rule;
}
interface ObjectRule {
  readonly kind: 'object';
  readonly fields: Fields;
  readonly bytesMax?: number;
}
type Rule = (StringRule | IntegerRule | NumberRule | BooleanRule | ArrayRule | ObjectRule) & {
  readonly isRequired?: true;
};

/** The fields of a request body; every other key is refused, as WeChat Pay refuses extra parameters. */
export type Fields = Readonly<Record<string, Rule>>;

/** A string of at most so many characters. */
export const text = (charactersMax: number, more: Omit<StringRule, 'kind' | 'charactersMax'> = {}): StringRule => ({
  kind: 'string',
  charactersMax,
  ...more,
});
export const integer = (bounds: Omit<IntegerRule, 'kind'> = {}): IntegerRule => ({ kind: 'integer', ...bounds });
/** A number that need not be whole; WeChat Pay itself has none. */
export const number = (bounds: Omit<NumberRule, 'kind'>): NumberRule => ({ kind: 'number', ...bounds });
export const flag: BooleanRule = { kind: 'boolean' };
export const list = (of: Rule): ArrayRule => ({ kind: 'array', of });
export const object = (fields: Fields, more: { bytesMax?: number } = {}): ObjectRule => ({
  kind: 'object',
  fields,
  ...more,
});
export const required = (rule: Rule): Rule => ({ ...rule, isRequired: true });

const INTERNAL_OUT_OF_RANGE = 268435464;
const INTERNAL_EXTRA_PARAMETER = 270924358;
const BEYOND_BASIC_PLANE = /[\u{10000}-\u{10FFFF}]/u;

/**
 * Reads a JSON body and checks it against its fields, in their order.
 * @throws ApiError PARAM_ERROR for the first thing that is wrong: not UTF-8, not JSON, a null, an unknown key, a value.
 */
export function parseBody(bytes: Buffer, fields: Fields): Record<string, unknown> {
  const refuse = (issue: string): ApiError => paramError({ location: 'body', field: '/', issue });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refuse('请求体不是合法的 UTF-8 编码 JSON');
  }
  if (!isObject(value)) throw refuse('请求体不是 JSON 对象');
  checkFields(value, fields, '');
  return value;
}

function checkFields(value: Record<string, unknown>, fields: Fields, pointer: string): void {
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(fields, key)) continue;
    const internalNumber = INTERNAL_EXTRA_PARAMETER;
    throw paramError({ ...at(`${pointer}/${key}`, key), issue: '参数中含有非法的额外参数', internalNumber });
  }
  for (const [key, rule] of Object.entries(fields)) {
    const present = Object.hasOwn(value, key);
    if (present) checkValue(value[key], rule, `${pointer}/${key}`);
    else if (rule.isRequired) throw paramError({ ...at(`${pointer}/${key}`, ''), issue: '缺少必填参数' });
  }
}

function checkValue(value: unknown, rule: Rule, pointer: string): void {
  if (value === null) throw paramError({ ...at(pointer, value), issue: '不支持 null' });
  switch (rule.kind) {
    case 'string':
      return checkString(value, rule, pointer);
    case 'integer':
      return checkInteger(value, rule, pointer);
    case 'number':
      if (typeof value === 'number' && value >= rule.min && value <= rule.max) return;
      throw paramError({ ...at(pointer, value), issue: `取值应在 ${rule.min} 与 ${rule.max} 之间` });
    case 'boolean':
      if (typeof value !== 'boolean') throw paramError({ ...at(pointer, value), issue: '类型应为布尔值' });
      return;
    case 'array':
      if (!Array.isArray(value)) throw paramError({ ...at(pointer, value), issue: '类型应为数组' });
      value.forEach((item, index) => checkValue(item, rule.of, `${pointer}/${index}`));
      return;
    case 'object':
      if (!isObject(value)) throw paramError({ ...at(pointer, value), issue: '类型应为对象' });
      if (rule.bytesMax !== undefined && Buffer.byteLength(JSON.stringify(value)) > rule.bytesMax) {
        throw paramError({ ...at(pointer, value), issue: `长度超过最大字节数 ${rule.bytesMax}` });
      }
      return checkFields(value, rule.fields, pointer);
  }
}

function checkString(value: unknown, rule: StringRule, pointer: string): void {
  const refuse = (issue: string): ApiError => paramError({ ...at(pointer, value), issue });
  if (typeof value !== 'string') throw refuse('类型应为字符串');
  if (value === '') throw refuse('值不能为空');
  if (value.length > rule.charactersMax) throw refuse(`长度超过最大字符数 ${rule.charactersMax}`);
  if (rule.bytesMax !== undefined && Buffer.byteLength(value) > rule.bytesMax) {
    throw refuse(`长度超过最大字节数 ${rule.bytesMax}`);
  }
  if (BEYOND_BASIC_PLANE.test(value)) throw refuse('不支持 4 字节 UTF-8 字符');
  if (rule.pattern !== undefined && !rule.pattern.test(value)) throw refuse('格式不正确');
  if (rule.oneOf !== undefined && !rule.oneOf.includes(value)) throw refuse(`取值应为 ${rule.oneOf.join(', ')}`);
  const issue = rule.check?.(value);
  if (issue !== undefined) throw refuse(issue);
}

function checkInteger(value: unknown, rule: IntegerRule, pointer: string): void {
  if (!Number.isSafeInteger(value)) throw paramError({ ...at(pointer, value), issue: '类型应为整数' });
  const number = value as number;
  const internalNumber = INTERNAL_OUT_OF_RANGE;
  if (rule.min !== undefined && number < rule.min) {
    throw paramError({ ...at(pointer, value), issue: `值低于最小值 ${rule.min}`, internalNumber });
  }
  if (rule.max !== undefined && number > rule.max) {
    throw paramError({ ...at(pointer, value), issue: `值高于最大值 ${rule.max}`, internalNumber });
  }
}

function at(field: string, value: unknown): { location: 'body'; field: string; value: unknown } {
  return { location: 'body', field, value };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
