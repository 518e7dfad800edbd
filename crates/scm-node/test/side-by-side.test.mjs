// scm-server beside an Express server: the example, with a real server behind it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';

import { app as row, require, root } from './helper.mjs';

const supertest = require('supertest');
const example = join(root, 'examples/side-by-side');
const { portal } = require(join(example, 'server.js'));
const { token } = require(join(example, 'scm-proxy.js'));

const BASE = '/api/v1/integrations/scm';
const pair = () => generateKeyPairSync('ed25519', {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

const sessions = new Map([
  ['ada', { id: 'acc_ada', tenant: 't1', role: 'owner' }],
  ['vera', { id: 'acc_vera', tenant: 't1', role: 'viewer' }],
  ['bob', { id: 'acc_bob', tenant: 't2', role: 'owner' }],
]);

/** The server with the example's settings, on a port of its own. */
async function start(directory, publicKey) {
  writeFileSync(join(directory, 'proxy-key.pub.pem'), publicKey);
  const settings = readFileSync(join(example, 'settings.toml'), 'utf8')
    .replace('"127.0.0.1:8080"', '"127.0.0.1:0"')
    .replace('"proxy-key.pub.pem"', JSON.stringify(join(directory, 'proxy-key.pub.pem')));
  writeFileSync(join(directory, 'settings.toml'), settings);
  const env = { PATH: process.env.PATH, SCM_DATA_DIR: join(directory, 'data'), SCM_LOG__FORMAT: 'text' };
  const args = ['--config', join(directory, 'settings.toml'), 'serve'];
  const child = spawn(process.env.SCM_SERVER, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const port = new Promise((resolve, reject) => {
    let said = '';
    exited.then(([code]) => reject(new Error(`the server ended with ${code}: ${said}`)));
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        said += `${line}\n`;
        const [, port] = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? [];
        if (port) resolve(Number(port));
      });
    }
  });
  return {
    port: await port,
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

describe('side by side', { skip: !process.env.SCM_SERVER && 'SCM_SERVER names no server' }, () => {
  const keys = pair();
  let directory, server, target, app;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'scm-side-'));
    server = await start(directory, keys.publicKey);
    target = `http://127.0.0.1:${server.port}`;
    app = portal({ target, privateKey: keys.privateKey, sessions });
  });
  after(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const as = (who, method, path) => supertest(app)[method](path).set('Cookie', `a=b; session=${who}`);
  const identity = { privateKey: keys.privateKey, issuer: 'portal', audience: 'scm' };
  const ada = { accountId: 'acc_ada', tenantId: 't1', role: 'owner' };

  /** The same request, straight to the server. */
  const direct = (bearer, path = BASE) => supertest(target).get(path).set('Authorization', `Bearer ${bearer}`);

  test('a session sees what is its tenant\'s', async () => {
    const url = 'https://github.com/octo/own';
    const made = await as('ada', 'post', BASE).send(row({ repositoryUrl: url })).expect(201);
    const { id, createdByAccountId } = made.body.data;
    assert.equal(createdByAccountId, 'acc_ada');
    const listed = await as('vera', 'get', BASE).expect(200);
    assert.ok(listed.body.data.some((one) => one.id === id));
    await as('vera', 'patch', `${BASE}/${id}`).send({ displayName: 'x' }).expect(403);
    const foreign = await as('bob', 'get', BASE).expect(200);
    assert.deepEqual(foreign.body.data, []);
    await as('bob', 'get', `${BASE}/${id}`).expect(404);
    await as('bob', 'delete', `${BASE}/${id}`).expect(404);
    await as('bob', 'post', BASE).send(row()).expect(403);
    await as('ada', 'delete', `${BASE}/${id}`).expect(200);
  });

  test('who is not logged in reaches nothing', async () => {
    for (const cookie of ['', 'session=mallory', 'session=']) {
      const answer = await supertest(app).get(BASE).set('Cookie', cookie).expect(401);
      assert.equal(answer.body.code, 'unauthenticated');
    }
    const bearer = token(ada, identity);
    await supertest(app).get(BASE).set('Authorization', `Bearer ${bearer}`).expect(401);
  });

  test('what a client says of itself ends at the proxy', async () => {
    const bearer = token(ada, identity);
    const claims = { Authorization: `Bearer ${bearer}`, 'Scm-Tenant': 't1', userId: 'acc_ada', 'X-Forwarded-For': '10.0.0.9', Forwarded: 'for=10.0.0.9', Connection: 'close, x-request-id', 'X-Request-Id': 'mine' };
    const answer = await as('bob', 'get', `${BASE}?tenantId=t2`).set(claims).expect(200);
    assert.deepEqual(answer.body.data, []);
    assert.notEqual(answer.headers['x-request-id'], 'mine', 'named in Connection: it goes no further');
    const kept = await as('bob', 'get', BASE).set('X-Request-Id', 'mine').expect(200);
    assert.equal(kept.headers['x-request-id'], 'mine');
  });

  test('expired and foreign identities are refused', async () => {
    await direct(token(ada, identity)).expect(200);
    const hours = (count) => () => Date.now() + count * 3_600_000;
    const wrong = {
      expired: token(ada, { ...identity, now: hours(-1) }),
      'another key': token(ada, { ...identity, privateKey: pair().privateKey }),
      'another issuer': token(ada, { ...identity, issuer: 'elsewhere' }),
      'another audience': token(ada, { ...identity, audience: 'elsewhere' }),
      'no role': token({ ...ada, role: undefined }, identity),
      'an unknown role': token({ ...ada, role: 'king' }, identity),
      'the platform': token({ accountId: 'acc_ada', role: 'platform' }, identity),
      'no signature': token(ada, identity).replace(/\.[^.]*$/, '.'),
    };
    for (const [name, bearer] of Object.entries(wrong)) {
      const answer = await direct(bearer);
      assert.equal(answer.status, 401, name);
    }
  });

  test('body, status and headers pass unchanged', async () => {
    const made = await as('ada', 'post', BASE).send(row({ displayName: 'Größe ✓' })).expect(201);
    const path = `${BASE}/${made.body.data.id}`;
    const problem = { Accept: 'application/problem+json' };
    for (const [where, headers, status] of [
      [path, {}, 200],
      [path, { 'If-None-Match': made.headers.etag }, 304],
      [path, { 'If-None-Match': '"1-0"', 'Accept-Encoding': 'gzip' }, 200],
      [`${BASE}?limit=0`, problem, 400],
      [`${BASE}/nobody`, problem, 404],
      [`${BASE}/%2e%2e/x`, {}, 404],
      [`${BASE}/..%2f..%2flivez`, {}, 404],
    ]) {
      const own = await direct(token(ada, identity), where).set(headers);
      const through = await as('ada', 'get', where).set(headers);
      assert.equal(own.status, status, where);
      assert.equal(through.status, status, where);
      assert.equal(through.text, own.text, where);
      for (const name of ['content-type', 'etag', 'cache-control', 'x-content-type-options']) {
        assert.equal(through.headers[name], own.headers[name], `${where} ${name}`);
      }
    }
    const head = await as('ada', 'head', path).expect(200);
    assert.equal(head.headers.etag, made.headers.etag);
    await as('ada', 'patch', path).set('If-Match', '"1-0"').send({ displayName: 'x' }).expect(412);
    const put = await as('ada', 'put', path).send({}).expect(405);
    assert.ok(put.headers.allow.includes('PATCH'));
    await as('ada', 'patch', path).set('Content-Type', 'application/json').send('{"displayName":').expect(400);
    await as('ada', 'patch', path).set('Content-Type', 'application/json').send(`{"displayName":"${'x'.repeat(300_000)}"}`).expect(413);
  });

  test('a body without a length is passed on as one', async (t) => {
    const listening = app.listen(0, '127.0.0.1');
    t.after(() => new Promise((resolve) => listening.close(resolve)));
    await once(listening, 'listening');
    const headers = { Cookie: 'session=ada', 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };
    const request = http.request({ port: listening.address().port, method: 'POST', path: BASE, headers, agent: false });
    const body = JSON.stringify(row({ repositoryUrl: 'https://github.com/octo/chunked' }));
    request.write(body.slice(0, 10));
    request.end(body.slice(10));
    const [answer] = await once(request, 'response');
    answer.resume();
    assert.equal(answer.statusCode, 201);
    await once(answer, 'end');
  });

  test('the panel of delivr finds its paths', async () => {
    for (const prefix of ['', '/api/v1']) {
      const path = `${prefix}/tenants/t1/integrations/scm/gitlab`;
      const none = await as('ada', 'get', path).expect(404);
      assert.equal(none.body.code, 'not_found', path);
      const foreign = await as('bob', 'get', path).expect(403);
      assert.equal(foreign.body.code, 'foreign_tenant', path);
      await supertest(app).get(path).set('userId', 'acc_ada').expect(401);
    }
  });

  test('what was there before goes on', async () => {
    const echo = await supertest(app).post('/echo').send({ a: 1 }).expect(200);
    assert.deepEqual(echo.body, { a: 1 });
  });

  test('a server that is down is 503', async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'scm-side-'));
    t.after(() => rmSync(place, { recursive: true, force: true }));
    const first = await start(place, keys.publicKey);
    const other = portal({ target: `http://127.0.0.1:${first.port}`, privateKey: keys.privateKey, sessions });
    const ask = (method) => supertest(other)[method](BASE).set('Cookie', 'session=ada');
    await ask('get').expect(200);
    await first.stop();
    for (const method of ['get', 'post', 'delete']) {
      const answer = await ask(method).expect(503);
      assert.equal(answer.headers['retry-after'], '5');
      assert.equal(answer.body.code, 'scm_unavailable');
    }
  });
});
