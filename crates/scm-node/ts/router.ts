import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Fault, ScmError } from './error';
import { type NativeRequest } from './native';
import { nativeOf, type Services } from './services';
import { json } from './text';
import type { Caller } from './types';

/** A request as Express 4 hands it to a router; `url` is what follows the mount point. */
export interface RoutedRequest extends IncomingMessage {
  /** What a body parser before the router has read. */
  body?: unknown;
  /** The bytes that a body parser has kept, as `verify` of `express.json` can. */
  rawBody?: Buffer;
}

/** What Express 4 takes as a router. */
export type ScmRouter<Request extends RoutedRequest = RoutedRequest> = (
  request: Request,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** What a router is made of. */
export interface ScmRouterOptions<Request extends RoutedRequest = RoutedRequest> {
  /** The instance that answers. */
  services: Services;
  /**
   * Who makes a request, as the program's own login says; nothing for nobody, who is answered with
   * 401. Not asked about deliveries of webhooks, which are signed instead.
   */
  caller: (request: Request) => Caller | null | undefined | Promise<Caller | null | undefined>;
}

/** Headers that are about one connection, or that Node writes by itself. */
const OWN = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding']);

/**
 * A router for Express 4 with the routes of the standalone server, answered by the same code:
 *
 * ```js
 * app.use('/api/v1/integrations/scm', scmRouter({ services, caller: (req) => req.session.caller }));
 * ```
 *
 * Mount it before a body parser: it reads bodies itself, within the server's own limits of size and
 * time, and the signature of a delivery is about the bytes as they came.
 */
export function scmRouter<Request extends RoutedRequest = RoutedRequest>(
  options: ScmRouterOptions<Request>,
): ScmRouter<Request> {
  const { services, caller } = options;
  if (!nativeOf.has(services)) throw ScmError.invalid('services', 'must come from Services.open');
  if (typeof caller !== 'function') throw ScmError.invalid('caller', 'must be a function');
  return (request, response, next) => {
    route(services, caller, request, response).catch(next);
  };
}

async function route<Request extends RoutedRequest>(
  services: Services,
  callerOf: ScmRouterOptions<Request>['caller'],
  request: Request,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '/';
  const signed = url.startsWith('/webhooks/');
  const caller = signed ? undefined : await callerOf(request);
  const head = JSON.stringify({
    method: request.method,
    url,
    headers: request.rawHeaders,
    peer: peer(request),
  });
  const who = caller == null ? '' : json('caller', caller);
  const [sent, answer] = nativeOf.get(services)!.request(head, who);
  // A body that breaks off ends the request; what was answered then is answered to nobody.
  const sending = send(request, sent).catch(() => sent.end());
  const { head: told, body } = await answer;
  const read = JSON.parse(told) as { status: number; headers: [string, string][]; fault?: Fault };
  if (read.fault !== undefined) throw new ScmError(read.fault);
  respond(request, response, read.status, read.headers, body);
  await sending;
}

/** Where a request comes from, as the limits by address and the audit log have it. */
function peer(request: IncomingMessage): string | null {
  const { remoteAddress, remotePort } = request.socket;
  if (remoteAddress === undefined || remotePort === undefined) return null;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

/** Hands the body over as it comes, no faster than it is taken, and no more of it than is wanted. */
async function send(request: RoutedRequest, sent: NativeRequest): Promise<void> {
  const kept = read(request);
  if (kept !== undefined) {
    if (kept.length > 0) await sent.write(kept);
  } else {
    // What is not wanted any more must not end the connection before the answer is written.
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      if (!(await sent.write(piece as Buffer))) break;
    }
  }
  sent.end();
}

/** The body that somebody has read before; `undefined` if nobody has. */
function read(request: RoutedRequest): Buffer | undefined {
  if (!request.readableEnded && !request.readableDidRead) return undefined;
  if (Buffer.isBuffer(request.rawBody)) return request.rawBody;
  if (Buffer.isBuffer(request.body)) return request.body;
  if (typeof request.body === 'string') return Buffer.from(request.body);
  const empty = request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined;
  return empty || request.body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(request.body));
}

function respond(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: [string, string][],
  body: Buffer,
): void {
  if (response.destroyed || response.headersSent) return;
  response.statusCode = status;
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) {
    if (OWN.has(name)) continue;
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  for (const [name, all] of values) response.setHeader(name, all.length === 1 ? all[0]! : all);
  if (status !== 204 && status !== 304) response.setHeader('content-length', body.length);
  // What is left of a body that was refused is not read; the connection cannot be used again.
  if (!request.complete) response.setHeader('connection', 'close');
  response.end(request.method === 'HEAD' ? undefined : body);
}
