import { ScmError } from './error';
import { Secret } from './secret';

/** More than any argument needs; larger ones are refused before they are copied. */
const MAX = 1024 * 1024;

/** A text argument. @internal */
export function text(field: string, value: unknown): string {
  if (value instanceof Secret) return text(field, value.reveal());
  if (typeof value !== 'string') throw ScmError.invalid(field, 'must be a string');
  if (value.length > MAX) throw ScmError.invalid(field, 'is too long');
  return value;
}

/** What is plain data: an object that is neither a list nor of a class. @internal */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || isForeign(prototype);
}

/** The prototype of another realm's plain objects, such as those of `vm` and of test runners. */
function isForeign(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'hasOwnProperty');
}

/**
 * An object argument as JSON; secrets in it are revealed here and nowhere else. What has no JSON
 * (a function, a symbol, a number that is none) is refused, not left out.
 *
 * @internal
 */
export function json(field: string, value: unknown): string {
  if (!isPlain(value)) throw ScmError.invalid(field, 'must be an object');
  let length = 0;
  const reveal = function (this: Record<string, unknown>, key: string, given: unknown): unknown {
    // A Secret and a Date have been asked for their JSON before this is called.
    const held = this[key];
    if (held instanceof Secret) given = held.reveal();
    if (held instanceof Date && Number.isNaN(held.getTime())) {
      throw ScmError.invalid(key, 'must be a valid date');
    }
    if (typeof given === 'string') length += given.length;
    if (length > MAX) throw ScmError.invalid(key, 'is too long');
    const type = typeof given;
    if (type === 'function' || type === 'symbol' || type === 'bigint') {
      throw ScmError.invalid(key, `cannot be a ${type}`);
    }
    if (type === 'number' && !Number.isFinite(given)) {
      throw ScmError.invalid(key, 'must be a finite number');
    }
    return given;
  };
  try {
    return JSON.stringify(value, reveal);
  } catch (error) {
    if (error instanceof ScmError) throw error;
    throw ScmError.invalid(field, 'cannot be written as JSON');
  }
}
