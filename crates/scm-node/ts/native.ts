/**
 * The native part. Everything crosses the border as text; see `src/lib.rs`.
 *
 * @internal
 */
export interface NativeServices {
  call(name: string, caller: string, subject: string, args: string): Promise<string>;
  request(head: string, caller: string): [NativeRequest, Promise<NativeAnswer>];
  close(): Promise<string>;
}

/** @internal */
export interface NativeRequest {
  write(piece: Buffer): Promise<boolean>;
  end(): void;
}

/** @internal */
export interface NativeAnswer {
  head: string;
  body: Buffer;
}

interface Native {
  open(options: string): Promise<NativeServices | string>;
  generateKeyRing(): string;
}

/** @internal */
export const native: Native = require('../scm.node') as Native;
