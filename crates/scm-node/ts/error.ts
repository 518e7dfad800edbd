/** What is wrong with one field of what was given. */
export interface FieldError {
  /** The field, by its name. */
  readonly field: string;
  /** What is wrong; reads on after the field's name. */
  readonly message: string;
}

interface Told {
  error?: string;
  code?: string;
  details?: FieldError[];
  [more: string]: unknown;
}

/** @internal */
export interface Fault {
  status: number;
  retryAfter: number | null;
  told: Told;
}

/**
 * Why something was not done. Every rejected promise of this package is rejected with one.
 */
export class ScmError extends Error {
  override readonly name = 'ScmError';
  /** A word for programs; the API's own, listed in its document, or one of those of the README. */
  readonly code: string;
  /** The HTTP status that the same failure has in the API. */
  readonly status: number;
  /** The first field that is wrong, if the failure is about one. */
  readonly field: string | undefined;
  /** Every field that is wrong. */
  readonly details: readonly FieldError[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;
  /** Whatever else the API's answer has, such as `conflict` with both commits. */
  readonly more: Readonly<Record<string, unknown>>;

  /** @internal */
  constructor(fault: Fault) {
    const { error, code, details, ...more } = fault.told;
    super(error ?? 'Something went wrong');
    this.code = code ?? 'internal_error';
    this.status = fault.status;
    this.details = Object.freeze(details ?? []);
    this.field = this.details[0]?.field;
    this.retryAfter = fault.retryAfter ?? undefined;
    this.more = Object.freeze(more);
  }

  /** One wrong argument, found before anything was asked. @internal */
  static invalid(field: string, message: string): ScmError {
    const details = [{ field, message }];
    const told = { error: `${field} ${message}`, code: 'validation_failed', details };
    return new ScmError({ status: 400, retryAfter: null, told });
  }
}

/** The value of an answer of the native part. @internal */
export function unwrap(answer: string): unknown {
  const read = JSON.parse(answer) as { value?: unknown; fault?: Fault };
  if (read.fault !== undefined) throw new ScmError(read.fault);
  return read.value;
}
