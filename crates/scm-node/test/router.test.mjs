// A real Express 4 app with the router, held to the table of the standalone server, and to the server
// itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as ask } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { TOKEN, app as integration, open, owner, refused, require, root, scm } from './helper.mjs';

const express = require('express');
const supertest = require('supertest');

const { scmRouter } = scm;
const PREFIX = '/api/v1/integrations/scm';
const table = JSON.parse(readFileSync(join(root, '../scm-http/tests/cases.json'), 'utf8'));
const platform = { accountId: 'local', role: 'platform' };

/** A listening app with the router, closed after the test. */
async function listening(t, caller, { before = () => {}, more = {} } = {}) {
  const services = await open(t, more);
  const app = express();
  before(app);
  app.use(PREFIX, scmRouter({ services, caller }));
  app.use((error, _request, response, _next) => {
    response.status(500).json({ failed: error.code ?? error.message });
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { services, app, server, port: server.address().port };
}

const filled = (value, known) => {
  if (typeof value === 'string') {
    const names = Object.keys(known).sort((one, other) => other.length - one.length);
    return names.reduce((text, name) => text.replaceAll(`$${name}`, known[name]), value);
  }
  if (Array.isArray(value)) return value.map((item) => filled(item, known));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item, known)]));
};

const holds = (expected, found) => {
  if (Array.isArray(expected)) {
    return Array.isArray(found) && expected.length === found.length && expected.every((item, n) => holds(item, found[n]));
  }
  if (typeof expected !== 'object' || expected === null) return expected === found;
  return Object.entries(expected).every(([name, item]) => holds(item, found?.[name]));
};

const keep = (one, known, headers, body) => {
  for (const [name, place] of Object.entries(one.keep ?? {})) {
    known[name] = place.startsWith('@')
      ? headers[place.slice(1)]
      : place.split('.').reduce((value, member) => value[member], body);
  }
};

const bodyOf = (one, known) => {
  if (one.json !== undefined) return JSON.stringify(filled(one.json, known));
  return one.raw ?? (one.spaces === undefined ? undefined : ' '.repeat(one.spaces));
};

test('every answer is that of the table', async (t) => {
  const { server } = await listening(t, () => platform);
  const known = { github: 'https://github.com' };
  for (const one of table) {
    const method = (one.method ?? 'GET').toLowerCase();
    let asked = supertest(server)[method](PREFIX + filled(one.path, known));
    if (one.json !== undefined) asked = asked.set('Content-Type', 'application/json');
    for (const [name, value] of Object.entries(one.send ?? {})) asked = asked.set(name, filled(value, known));
    asked = asked.buffer(true).parse((response, done) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () => done(null, Buffer.concat(pieces).toString()));
    });
    const body = bodyOf(one, known);
    if (body !== undefined) asked = asked.serialize((text) => text).send(body);
    const answer = await asked;
    const text = typeof answer.body === 'string' ? answer.body : '';
    assert.equal(answer.status, one.status, `${one.name}: ${text}`);
    for (const [name, value] of Object.entries(one.headers ?? {})) {
      assert.equal(answer.headers[name], filled(value, known), `${one.name}: ${name}`);
    }
    if (one.text !== undefined && method !== 'head') assert.equal(text, filled(one.text, known), one.name);
    const json = one.body || one.keep ? JSON.parse(text) : undefined;
    if (one.body) assert.ok(holds(filled(one.body, known), json), `${one.name}: ${text}`);
    keep(one, known, answer.headers, json);
  }
});

/** One request without any help, its answer to the byte. */
function raw(port, one, known) {
  return new Promise((resolve, reject) => {
    const body = bodyOf(one, known);
    const headers = filled(one.send ?? {}, known);
    if (one.json !== undefined) headers['Content-Type'] = 'application/json';
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
    const path = PREFIX + filled(one.path, known);
    const asked = ask({ host: '127.0.0.1', port, path, method: one.method ?? 'GET', headers }, (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(pieces).toString() }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The standalone server on a database of its own; gives its port. */
async function standalone(t) {
  const directory = mkdtempSync(join(tmpdir(), 'scm-server-'));
  const env = { PATH: process.env.PATH, SCM_DATA_DIR: directory, SCM_LISTEN: '127.0.0.1:0', SCM_LOG__FORMAT: 'text' };
  const child = spawn(process.env.SCM_SERVER, [], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(async () => {
    child.kill();
    await new Promise((resolve) => child.once('exit', resolve));
    rmSync(directory, { recursive: true, force: true });
  });
  const lines = [child.stdout, child.stderr].map((input) => createInterface({ input }));
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    for (const reader of lines) {
      reader.on('line', (line) => {
        const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? [];
        if (port) resolve(Number(port));
      });
    }
  });
}

test('the standalone server says the same, to the byte', { skip: !process.env.SCM_SERVER && 'SCM_SERVER names no server' }, async (t) => {
  const { port } = await listening(t, () => platform, { before: (app) => app.disable('x-powered-by') });
  const sides = [{ port: await standalone(t) }, { port }].map((side) => ({ ...side, known: { github: 'https://github.com' } }));
  // What differs between two databases: ids, times, and what is made of them.
  const alike = (text, known) => {
    const names = Object.keys(known).filter((name) => name !== 'github');
    return names
      .reduce((text, name) => text.replaceAll(known[name], `$${name}`), text)
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/"(id|requestId|request)":"[\w-]+"/g, '"$1":"<id>"')
      .replace(/"hash":"[0-9a-f]{64}"/g, '"hash":"<hash>"')
      .replace(/"nextCursor":"[^"]+"/g, '"nextCursor":"<cursor>"');
  };
  const own = new Set(['date', 'connection', 'keep-alive', 'x-request-id']);
  for (const one of table) {
    const [server, router] = await Promise.all(
      sides.map(async ({ port, known }) => {
        const answer = await raw(port, one, known);
        if (one.keep) keep(one, known, answer.headers, JSON.parse(answer.text));
        const headers = Object.entries(answer.headers).filter(([name]) => !own.has(name));
        const told = headers.map(([name, value]) => [name, name === 'etag' ? '<etag>' : alike(String(value), known)]);
        return { status: answer.status, headers: Object.fromEntries(told.sort()), text: alike(answer.text, known), 'x-request-id': 'x-request-id' in answer.headers };
      }),
    );
    assert.deepEqual(router, server, one.name);
  }
});

test('who calls is what the program says', async (t) => {
  const callers = { none: null, undef: undefined, t1: owner, t2: { ...owner, tenantId: 't2' }, bad: { accountId: 'a', role: 'owner' } };
  const { server, services } = await listening(t, async (request) => {
    const who = request.get('X-Who');
    if (who === 'throws') throw new Error('no session');
    return callers[who];
  });
  const row = await services.forCaller(owner).create(integration());
  const get = (who, path = `/${row.id}`) => supertest(server).get(PREFIX + path).set('X-Who', who);
  for (const nobody of ['none', 'undef']) {
    const answer = await get(nobody);
    assert.equal(answer.status, 401);
    assert.equal(answer.body.code, 'unauthenticated');
    assert.equal(answer.headers['www-authenticate'], 'Bearer realm="scm"');
  }
  assert.equal((await get('t1')).body.data.id, row.id);
  const foreign = await get('t2');
  const missing = await get('t2', '/nothing');
  assert.deepEqual([foreign.status, foreign.text], [missing.status, missing.text]);
  // The program's own faults are its own error handler's.
  assert.deepEqual((await get('throws')).body, { failed: 'no session' });
  assert.deepEqual((await get('bad')).body, { failed: 'validation_failed' });
});

test('behind a body parser', async (t) => {
  const { server } = await listening(t, () => platform, { before: (app) => app.use(express.json({ limit: '1mb' })) });
  const made = await supertest(server).post(PREFIX).send(integration());
  assert.equal(made.status, 201, made.text);
  assert.ok(!made.text.includes(TOKEN));
  const empty = await supertest(server).get(PREFIX);
  assert.equal(empty.body.count, 1);
  const verify = await supertest(server).delete(`${PREFIX}/${made.body.data.id}`);
  assert.equal(verify.status, 200);
});

test('a body that breaks off, and one that is refused before it is over', async (t) => {
  const { port, server } = await listening(t, () => platform);
  const head = (length) =>
    `POST ${PREFIX} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${head(100)}{"tenantId"`, () => socket.destroy()));
    socket.on('close', resolve);
  });
  // Announced too large: the answer comes although the body never does.
  const answer = await new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head(10_000_000)));
    let told = '';
    socket.on('data', (piece) => (told += piece)).on('end', () => resolve(told)).on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /body_too_large/);
  const next = await supertest(server).get(PREFIX);
  assert.equal(next.status, 200, 'and the next one is answered');
});

test('after closing', async (t) => {
  const { server, services } = await listening(t, () => platform);
  assert.equal((await supertest(server).get(PREFIX)).status, 200);
  await services.close();
  assert.deepEqual((await supertest(server).get(PREFIX)).body, { failed: 'services_closed' });
  assert.throws(() => scmRouter({ services: {}, caller: () => null }), scm.ScmError);
  assert.throws(() => scmRouter({ services }), scm.ScmError);
  await refused(services.forCaller(owner).findAll(), 'services_closed');
});
