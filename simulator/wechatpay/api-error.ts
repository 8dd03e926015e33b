/** Where WeChat Pay says the offending value was found. */
type ErrorLocation = 'body' | 'url' | 'query' | 'header' | 'authorization';

/** A refusal as WeChat Pay words it: an HTTP status, a code to decide on, a message for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** WeChat Pay's internal number, which ends the Request-ID. */
    readonly internalNumber: number,
    readonly detail?: object,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** For outcomes whose number is not published; any number but 0, which means success. */
export const INTERNAL_UNPUBLISHED = 1;

const INTERNAL_ILLEGAL_PARAMETER = 268435461;

interface ParamErrorInput {
  readonly location: ErrorLocation;
  /** A JSON pointer for a body, else the name of the header or parameter. */
  readonly field: string;
  readonly value?: unknown;
  readonly issue: string;
  readonly internalNumber?: number;
}

/** 400 PARAM_ERROR with the documented detail. */
export function paramError(input: ParamErrorInput): ApiError {
  const { location, field, value, issue } = input;
  const source = field.startsWith('/') ? `/${location}${field}` : `/${location}/${field}`;
  const message = `输入源“${source}”映射到字段规则校验失败，${issue}`;
  const detail = { field, value: printable(value), issue, location };
  return new ApiError(400, 'PARAM_ERROR', message, input.internalNumber ?? INTERNAL_ILLEGAL_PARAMETER, detail);
}

/** 404 ORDER_NOT_EXIST. */
export function orderNotExist(): ApiError {
  return new ApiError(404, 'ORDER_NOT_EXIST', '订单不存在', 268512771);
}

/** The order is paid; the code is spelt differently from endpoint to endpoint. */
export function orderPaid(code: 'ORDERPAID' | 'ORDER_PAID'): ApiError {
  return new ApiError(400, code, '该订单已支付', 268498689);
}

/** 404 RESOURCE_NOT_EXISTS. */
export function resourceNotExists(message: string): ApiError {
  return new ApiError(404, 'RESOURCE_NOT_EXISTS', message, INTERNAL_UNPUBLISHED);
}

/** 400 INVALID_REQUEST: a rule of the business. */
export function invalidRequest(message: string, internalNumber = INTERNAL_UNPUBLISHED): ApiError {
  return new ApiError(400, 'INVALID_REQUEST', message, internalNumber);
}

function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.slice(0, 128);
}
