import { paramError } from '../api-error';
import type { ApiCall } from './operation';

/** One parameter of a query. */
export interface QueryRule {
  readonly isRequired?: true;
  /** Returns the issue, or undefined when the value is good. */
  readonly check: (value: string) => string | undefined;
}

/** One of some words. */
export function oneOf(...words: readonly string[]): QueryRule {
  return { check: (value) => (words.includes(value) ? undefined : `取值应为 ${words.join(', ')}`) };
}

/** @throws ApiError PARAM_ERROR when a parameter is missing, given twice, unknown, or not as its rule wants it. */
export function readQuery<Name extends string>(
  query: URLSearchParams,
  rules: Readonly<Record<Name, QueryRule>>,
): Partial<Record<Name, string>> {
  const read: Partial<Record<Name, string>> = {};
  for (const [field, rule] of Object.entries(rules) as [Name, QueryRule][]) {
    const [value, ...more] = query.getAll(field);
    if (value === undefined) {
      if (rule.isRequired) throw paramError({ location: 'query', field, issue: '缺少必填参数' });
      continue;
    }
    const issue = more.length > 0 ? '参数重复' : rule.check(value);
    if (issue !== undefined) throw paramError({ location: 'query', field, value, issue });
    read[field] = value;
  }
  for (const [field, value] of query) {
    if (Object.hasOwn(rules, field)) continue;
    const issue = '参数中含有非法的额外参数';
    throw paramError({ location: 'query', field, value, issue, internalNumber: 270924358 });
  }
  return read;
}

/** @throws ApiError PARAM_ERROR when this part of the path has not the form it should have. */
export function pathParameter(call: ApiCall, name: string, pattern: RegExp): string {
  const value = call.pathParameters[name] ?? '';
  if (pattern.test(value)) return value;
  throw paramError({ location: 'url', field: name, value, issue: '格式不正确' });
}

export const MCHID_ISSUE = 'mchid 与签名所用的商户号不一致';
