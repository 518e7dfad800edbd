// Hands requests of an Express server over to scm-server, in the name of whoever is logged in.
//
// - Who asks is said by this server alone, in a token that it signs for each request and that ends
//   within a minute. What a client says of itself (Authorization, Cookie, Scm-Tenant, forwarded
//   addresses) ends here.
// - Method, path, query, body, status and headers of the answer are passed on as they are, as streams:
//   mount it before express.json().
// - A server that does not answer is 503 with Retry-After, in the form of its own failures.
//
// Nothing but Node's own modules; Node 18 or newer.
'use strict';

const { createPrivateKey, sign } = require('node:crypto');
const http = require('node:http');
const https = require('node:https');

/** Of one connection alone (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** What would say who asks, or whence; this server says it itself. */
const IDENTITY = ['authorization', 'cookie', 'scm-tenant', 'userid', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'host', 'expect'];

const TOKEN_SECONDS = 60;
const RETRY_SECONDS = 5;

/** Longer than the server lets a caller wait for events. */
const ANSWER_MS = 60_000;

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A signed token (Ed25519) for one caller, as auth.jwt of the server takes it. */
function token(caller, { privateKey, issuer, audience, now = Date.now }) {
  const issued = Math.floor(now() / 1000);
  const claims = {
    iss: issuer,
    aud: audience,
    sub: caller.accountId,
    tenant: caller.tenantId,
    role: caller.role,
    iat: issued,
    exp: issued + TOKEN_SECONDS,
  };
  const text = `${encode({ alg: 'EdDSA', typ: 'JWT' })}.${encode(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
}

/** The headers of a message that go on: none of its connection, and none of `more`. */
function passed(headers, more = []) {
  const named = String(headers.connection ?? '').toLowerCase().split(',').map((name) => name.trim());
  const ended = new Set([...HOP_BY_HOP, ...named, ...more]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ended.has(name)));
}

function refuse(res, status, code, error) {
  if (status >= 502) res.setHeader('Retry-After', String(RETRY_SECONDS));
  res.status(status).json({ success: false, error, code });
}

/**
 * The middleware.
 *
 * - `target`: where scm-server listens, such as `http://127.0.0.1:8080`.
 * - `privateKey`: PEM of the Ed25519 key whose public half the server has (`auth.jwt.key_file`).
 * - `issuer`, `audience`: as in the server's `auth.jwt`.
 * - `caller(req)`: who is logged in, `{ accountId, tenantId, role }`, or nobody; may be a promise.
 */
function scmProxy({ target, privateKey, issuer, audience, caller }) {
  const base = new URL(target);
  const { request } = base.protocol === 'https:' ? https : http;
  const identity = { privateKey: createPrivateKey(privateKey), issuer, audience };

  return async (req, res, next) => {
    try {
      const who = await caller(req);
      if (!who) return refuse(res, 401, 'unauthenticated', 'Log in first');
      if (req.readableEnded) throw new Error('mount scmProxy before what reads the body');
      if (!req.originalUrl.startsWith('/')) return refuse(res, 400, 'malformed_target', 'The target must be a path');

      const headers = passed(req.headers, IDENTITY);
      headers.authorization = `Bearer ${token(who, identity)}`;
      headers['x-forwarded-for'] = req.socket.remoteAddress;
      // A body without a length stays one.
      if (req.headers['transfer-encoding']) headers['transfer-encoding'] = 'chunked';

      const upstream = request(base, { method: req.method, path: req.originalUrl, headers, agent: false });
      upstream.setTimeout(ANSWER_MS, () => upstream.destroy(Object.assign(new Error('no answer in time'), { late: true })));
      upstream.on('response', (answer) => {
        res.writeHead(answer.statusCode, passed(answer.headers));
        answer.on('error', () => res.destroy());
        answer.pipe(res);
      });
      upstream.on('error', (error) => {
        if (res.headersSent) return res.destroy();
        if (error.late) return refuse(res, 504, 'scm_timeout', 'The SCM service does not answer in time');
        return refuse(res, 503, 'scm_unavailable', 'The SCM service does not answer; try again');
      });
      // Whoever goes away is waited for by nobody.
      res.on('close', () => upstream.destroy());
      req.pipe(upstream);
    } catch (error) {
      next(error);
    }
  };
}

module.exports = { scmProxy, token };
