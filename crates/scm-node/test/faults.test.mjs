// Whatever JavaScript does, the answer is a rejected promise with a code.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { app, database, keyRing, native, nativeOf, open, owner, refused, root, scm } from './helper.mjs';

const { Services } = scm;

const oddities = [
  undefined,
  null,
  7,
  NaN,
  1n,
  true,
  '',
  '\ud800',
  'x'.repeat(2_000_000),
  Symbol('s'),
  () => {},
  [],
  ['x'],
  new Map(),
  new Date(NaN),
  new (class Odd {})(),
  { toString: () => 't1' },
  JSON.parse('{"__proto__":{"tenantId":"t1"}}'),
  Object.create({ tenantId: 't1' }),
];
const cyclic = {};
cyclic.self = cyclic;

test('wrong types are refused one by one', async (t) => {
  const services = await open(t);
  const mine = services.forCaller(owner);
  const work = services.scmService({ accountId: 'a' });
  const textual = (odd) => typeof odd === 'string' && odd.length < 1_000_000;
  for (const odd of [...oddities, cyclic]) {
    for (const call of [
      () => mine.create(odd),
      () => mine.create(app({ repositoryUrl: odd })),
      () => mine.update('x', { displayName: odd, bogus: 1 }),
      () => mine.findAll({ tenantId: odd, bogus: 1 }),
      () => mine.list({}, { limit: odd, bogus: 1 }),
      () => mine.updateVerificationStatus('x', odd),
      () => mine.findByRepository(odd, 'nonsense'),
      () => mine.count(typeof odd === 'string' ? '\u0000' : odd),
      () => work.checkBranchExists(odd, 'main'),
      () => work.checkBranchExists('t1', odd),
      () => work.createReleaseTag('t1', 'main', null, odd, odd),
      () => services.forCaller({ accountId: odd, role: odd }).findAll(),
      () => Services.open(odd),
      () => Services.open({ databaseUrl: odd, keyRing }),
      () => Services.open({ databaseUrl: 'sqlite:x', keyRing: odd }),
      () => Services.open({ databaseUrl: 'sqlite:x', keyRing, hosts: [odd] }),
      ...(textual(odd) ? [] : [() => mine.findById(odd), () => mine.exists(odd), () => mine.softDelete(odd)]),
    ]) {
      const error = await call().then(
        (value) => assert.fail(`${String(call)} with ${typeof odd} gave ${JSON.stringify(value)}`),
        (error) => error,
      );
      assert.ok(error instanceof scm.ScmError, `${String(call)} with ${typeof odd}: ${error?.stack}`);
      assert.ok(error.status === 400 || error.status === 404, `${String(call)}: ${error.status} ${error.message}`);
      assert.ok(error.message.length < 1000, 'an error does not grow with what was sent');
    }
  }
  assert.deepEqual(await mine.findAll(), [], 'nothing was stored');
  assert.equal({}.tenantId, undefined, 'no prototype was changed');
});

test('the native part alone holds, too', async (t) => {
  const services = nativeOf.get(await open(t));
  const caller = JSON.stringify(owner);
  for (const [name, who, subject, args, code] of [
    ['nothing', caller, 't1', '{}', 'addon_mismatch'],
    ['findById', '', 'x', '{}', 'malformed_json'],
    ['findById', caller, 'x', '[]', 'not_an_object'],
    ['findById', caller, 'x', '{', 'malformed_json'],
    ['findById', caller, 'x', '{"a":1,"a":2}', 'validation_failed'],
    ['create', caller, '', '{"displayName":"\\ud800"}', 'malformed_json'],
    ['create', caller, '', ' '.repeat(2_000_000), 'validation_failed'],
    ['create', caller, '', '['.repeat(500_000), 'malformed_json'],
  ]) {
    const { fault } = JSON.parse(await services.call(name, who, subject, args));
    assert.equal(fault.told.code, code, JSON.stringify(fault));
  }
  assert.throws(() => services.call(1, 2, 3, 4));
  assert.throws(() => services.call());
  assert.throws(() => services.call.call({}, 'findById', caller, 'x', '{}'));
  assert.throws(() => services.request('x', 7));
});

test('a panic stays in its call', async (t) => {
  const services = await open(t);
  const call = () => services.call('panic', owner, '', '{}');
  // Only what is built for debugging can be asked to panic.
  const error = await call().catch((error) => error);
  if (error.code === 'addon_mismatch' || error.code === 'validation_failed') return t.skip('built for release');
  assert.equal(error.code, 'internal_error');
  assert.equal(error.status, 500);
  assert.ok(!error.message.includes('asked for'));
  assert.deepEqual(await services.forCaller(owner).findAll(), [], 'and the next call is answered');
});

test('a database that cannot be used', async (t) => {
  const cases = [
    ['nonsense', 'validation_failed', 'databaseUrl'],
    ['mysql://root:S3CR3T@127.0.0.1:1/x', 'database_unavailable', undefined],
    ['postgres://root:S3CR3T@127.0.0.1:1/x', 'database_unavailable', undefined],
    ['mongodb://S3CR3T@127.0.0.1/x', 'validation_failed', 'databaseUrl'],
    ['sqlite:/nowhere/at/all/S3CR3T.db', 'database_unavailable', undefined],
  ];
  for (const [databaseUrl, code, field] of cases) {
    const error = await refused(Services.open({ databaseUrl, keyRing }), code, field);
    assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes('S3CR3T'), error.message);
  }
  const databaseUrl = database(t);
  await refused(Services.open({ databaseUrl, keyRing, migrate: false }), 'schema_mismatch');
  await refused(Services.open({ databaseUrl }), 'validation_failed', 'keyRing');
  await refused(Services.open({ databaseUrl, keyRing, keyFile: 'x' }), 'validation_failed', 'keyRing');
  await refused(Services.open({ databaseUrl, keyFile: '/nowhere/keys' }), 'validation_failed', 'keyFile');
  await refused(Services.open({ databaseUrl, keyRing: 'S3CR3T' }), 'validation_failed', 'keyRing');
  await (await Services.open({ databaseUrl, keyRing })).close();
  await refused(Services.open({ databaseUrl, keyRing: Services.generateKeyRing() }), 'wrong_keys');
});

test('calls after and under closing', async (t) => {
  const services = await open(t);
  const mine = services.forCaller(owner);
  await mine.create(app());
  const running = Array.from({ length: 200 }, () => mine.findAll());
  const closing = services.close();
  for (const outcome of await Promise.allSettled(running)) {
    if (outcome.status === 'fulfilled') assert.equal(outcome.value.length, 1);
    else assert.equal(outcome.reason.code, 'services_closed');
  }
  await closing;
  assert.equal(services.close(), services.close(), 'closing again is the same promise');
  await services.close();
  const late = services.scmService({ accountId: 'a' });
  for (const call of [() => mine.findAll(), () => mine.create(app()), () => late.getTagUrl('t1', 'v1')]) {
    const error = await refused(call(), 'services_closed');
    assert.equal(error.status, 503);
  }
});

test('two instances in one process are two', async (t) => {
  const [first, second] = [await open(t), await open(t)];
  await first.forCaller(owner).create(app());
  assert.equal(await first.forCaller(owner).count('t1'), 1);
  assert.equal(await second.forCaller(owner).count('t1'), 0);
  await first.close();
  assert.equal(await second.forCaller(owner).count('t1'), 0, 'and one goes on without the other');
});

test('in worker threads, closed, left open and broken off', async (t) => {
  const databaseUrl = database(t);
  const here = await open(t, { databaseUrl });
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Services } = require(workerData.package);
    (async () => {
      const { databaseUrl, keyRing, owner, how } = workerData;
      const services = await Services.open({ databaseUrl, keyRing });
      const mine = services.forCaller(owner);
      parentPort.postMessage(await mine.count('t1'));
      if (how === 'closed') await services.close();
      if (how === 'broken off') setInterval(() => { for (let n = 0; n < 50; n += 1) mine.findAll(); }, 1);
    })();`;
  for (const how of ['closed', 'left open', 'broken off', 'closed']) {
    const workerData = { package: `${root}/dist/index.js`, databaseUrl, keyRing: keyRing.reveal(), owner, how };
    const worker = new Worker(code, { eval: true, workerData });
    const exit = once(worker, 'exit');
    const [count] = await once(worker, 'message');
    assert.equal(count, 0);
    if (how === 'broken off') await worker.terminate();
    await exit;
  }
  assert.equal(await here.forCaller(owner).count('t1'), 0, 'the process has gone on');
});

/** Runs a program in a process of its own, which has to end by itself. */
async function run(program) {
  const child = spawn(process.execPath, ['-e', program], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  child.stdout.on('data', (piece) => (told += piece));
  child.stderr.on('data', (piece) => (told += piece));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(timer);
  return { code, signal, told };
}

test('nothing keeps a process from ending', async (t) => {
  const begin = `
    const { Services } = require('./dist/index.js');
    (async () => {
      const services = await Services.open({
        databaseUrl: ${JSON.stringify(database(t))}, keyRing: ${JSON.stringify(keyRing.reveal())},
      });
      const mine = services.forCaller(${JSON.stringify(owner)});
      await mine.findAll();`;
  for (const end of ['await services.close();', '', 'mine.findAll(); process.exit();', 'services.close(); process.exit();']) {
    const { code, signal, told } = await run(`${begin} ${end} })();`);
    assert.deepEqual([code, signal, told], [0, null, ''], end);
  }
});

const threads = () => Number(/^Threads:\s+(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);

test('closing gives threads and files back', { skip: process.platform !== 'linux' }, async (t) => {
  const { readdirSync } = await import('node:fs');
  const files = () => readdirSync('/proc/self/fd').length;
  const once = async () => {
    const services = await Services.open({ databaseUrl: database(t), keyRing });
    await services.forCaller(owner).findAll();
    await services.close();
  };
  await once();
  const before = [threads(), files()];
  for (let n = 0; n < 10; n += 1) await once();
  // The thread that closed the last one may be on its way out.
  for (let tries = 0; tries < 500 && (threads() > before[0] || files() > before[1]); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(threads() <= before[0], `${threads()} threads, ${before[0]} before`);
  assert.ok(files() <= before[1], `${files()} files, ${before[1]} before`);
});

test('10,000 calls in flat memory', async (t) => {
  const mine = (await open(t)).forCaller(owner);
  const row = await mine.create(app());
  const calls = async (count) => {
    for (let done = 0; done < count; done += 50) {
      const some = Array.from({ length: 50 }, (_, n) =>
        n % 10 === 0 ? mine.create({ tenantId: 't1', bogus: 'x'.repeat(10_000) }).catch(() => null) : mine.findById(row.id),
      );
      await Promise.all(some);
    }
  };
  await calls(5_000);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  await calls(10_000);
  globalThis.gc?.();
  const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
  t.diagnostic(`resident memory grew by ${grown.toFixed(1)} MiB in 10,000 calls, from ${(before / 1024 / 1024).toFixed(0)} MiB`);
  // What leaks 10 kB a call, such as the arguments of a refused one, would grow by 10 MiB in a tenth of them.
  assert.ok(grown < 24, `${grown} MiB`);
});
