import { inspect } from 'node:util';

const HIDDEN = '[secret]';
const texts = new WeakMap<Secret, string>();

/**
 * A text that does not print: not with `console.log`, not in JSON, not in a template string, and not
 * when its members are listed. It is taken wherever a token or a key is.
 */
export class Secret {
  /** Keeps a text. */
  constructor(text: string) {
    if (typeof text !== 'string') throw new TypeError('a Secret is made of a string');
    texts.set(this, text);
    Object.freeze(this);
  }

  /** The text, for the one place that needs it. */
  reveal(): string {
    return texts.get(this) ?? '';
  }

  /** `[secret]`. */
  toString(): string {
    return HIDDEN;
  }

  /** `[secret]`. */
  toJSON(): string {
    return HIDDEN;
  }

  /** `[secret]`. */
  [Symbol.toPrimitive](): string {
    return HIDDEN;
  }

  /** `[secret]`. */
  [inspect.custom](): string {
    return HIDDEN;
  }
}
