// The functions of the original's controller.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { TOKEN, app, keyRing, open, owner, refused, scm } from './helper.mjs';

const { Secret, VerificationStatus } = scm;

test('a row is made, read, changed and deleted', async (t) => {
  const services = await open(t);
  const mine = services.forCaller(owner);
  const row = await mine.create(app({ accessToken: new Secret(TOKEN), tokenExpiresAt: new Date('2030-01-02T03:04:05Z') }));
  assert.match(row.id, /^[\w-]{21}$/);
  assert.equal(row.displayName, 'octo/app');
  assert.equal(row.verificationStatus, 'PENDING');
  assert.equal(row.hasValidToken, true);
  assert.ok(row.createdAt instanceof Date);
  assert.deepEqual(row.tokenExpiresAt, new Date('2030-01-02T03:04:05Z'));
  assert.ok(!('accessToken' in row), 'a row holds no secret');

  assert.deepEqual(await mine.findById(row.id), row);
  assert.deepEqual(await mine.findAll(), [row]);
  assert.deepEqual(await mine.findAll({ tenantId: 't1', scmType: 'GITHUB', isActive: true }), [row]);
  assert.deepEqual(await mine.findAll({ scmType: 'GITLAB' }), []);
  assert.deepEqual(await mine.findByRepository('t1', 'git@github.com:Octo/App.git'), row);
  assert.equal(await mine.findByRepository('t1', 'https://github.com/octo/other'), null);
  assert.deepEqual(await mine.findActiveByTenant('t1'), row);
  assert.equal(await mine.exists(row.id), true);
  assert.equal(await mine.count('t1'), 1);

  const changed = await mine.update(row.id, { displayName: 'App', defaultBranch: 'develop', tokenExpiresAt: null });
  assert.equal(changed.displayName, 'App');
  assert.equal(changed.defaultBranch, 'develop');
  assert.equal(changed.tokenExpiresAt, null);

  const invalid = await mine.updateVerificationStatus(row.id, VerificationStatus.INVALID, 'the token was refused');
  assert.equal(invalid.verificationStatus, 'INVALID');
  assert.equal(invalid.verificationError, 'the token was refused');
  assert.ok(invalid.lastVerifiedAt instanceof Date);
  const valid = await mine.updateVerificationStatus(row.id, VerificationStatus.VALID);
  assert.equal(valid.verificationError, null);

  assert.equal(await mine.softDelete(row.id), true);
  assert.deepEqual(await mine.findAll(), []);
  assert.equal(await mine.findActiveByTenant('t1'), null);
  assert.equal(await mine.count('t1'), 0);
  assert.equal(await mine.exists(row.id), true);
  assert.equal(await mine.hardDelete(row.id), true);
  assert.equal(await mine.exists(row.id), false);
});

test('what is not there is null or false', async (t) => {
  const mine = (await open(t)).forCaller(owner);
  for (const id of ['nothing', '', 'a b', '\ud800', '../x']) {
    assert.equal(await mine.findById(id), null);
    assert.equal(await mine.update(id, { displayName: 'x' }), null);
    assert.equal(await mine.updateVerificationStatus(id, 'VALID'), null);
    assert.equal(await mine.softDelete(id), false);
    assert.equal(await mine.hardDelete(id), false);
    assert.equal(await mine.exists(id), false);
  }
  await refused(mine.verify('nothing'), 'not_found');
});

test('a list has pages', async (t) => {
  const mine = (await open(t)).forCaller(owner);
  for (let n = 0; n < 5; n += 1) {
    await mine.create(app({ repositoryUrl: `https://github.com/octo/app${n}` }));
  }
  const first = await mine.list({}, { limit: 2 });
  assert.equal(first.items.length, 2);
  assert.ok(first.items[0].createdAt instanceof Date);
  const second = await mine.list({}, { limit: 3, cursor: first.nextCursor });
  assert.equal(second.nextCursor, null);
  const ids = [...first.items, ...second.items].map((row) => row.id);
  assert.deepEqual(ids, (await mine.findAll()).map((row) => row.id));
  await refused(mine.list({}, { limit: 0 }), 'validation_failed', 'limit');
  await refused(mine.list({}, { cursor: 'nonsense' }), 'validation_failed', 'cursor');
});

test('another tenant sees nothing of it, and the platform everything', async (t) => {
  const services = await open(t);
  const row = await services.forCaller(owner).create(app());
  const other = services.forCaller({ ...owner, tenantId: 't2' });
  assert.equal(await other.findById(row.id), null);
  assert.deepEqual(await other.findAll(), []);
  assert.deepEqual(await other.findAll({ tenantId: 't1' }), []);
  assert.equal(await other.findByRepository('t1', row.repositoryUrl), null);
  assert.equal(await other.findActiveByTenant('t1'), null);
  assert.equal(await other.count('t1'), 0);
  assert.equal(await other.exists(row.id), false);
  assert.equal(await other.update(row.id, { displayName: 'x' }), null);
  assert.equal(await other.updateVerificationStatus(row.id, 'VALID'), null);
  assert.equal(await other.softDelete(row.id), false);
  await refused(other.create(app()), 'foreign_tenant');
  const platform = services.forCaller({ accountId: 'ops', role: 'platform' });
  assert.deepEqual(await platform.findAll(), [row]);
  assert.equal(await platform.count('t1'), 1);
});

test('a caller without a tenant reaches nothing', async (t) => {
  const services = await open(t);
  for (const [caller, field] of [
    [{ accountId: 'a', role: 'owner' }, 'role'],
    [{ accountId: 'a', role: 'owner', tenantId: undefined }, 'role'],
    [{ accountId: 'a', role: 'owner', tenantId: null }, 'role'],
    [{ accountId: 'a', tenantId: 't1' }, 'role'],
    [{ accountId: 'a', tenantId: 't1', role: 'root' }, 'role'],
    [{ accountId: 'a', tenantId: 't1', role: 'platform' }, 'role'],
    [{ tenantId: 't1', role: 'owner' }, 'accountId'],
    [{ accountId: 7, tenantId: 't1', role: 'owner' }, 'accountId'],
    [{ accountId: 'a', tenantId: ['t1'], role: 'owner' }, 'tenantId'],
    [{ ...owner, tenant: 't2' }, 'tenant'],
    [undefined, 'role'],
    [null, 'role'],
  ]) {
    const error = await refused(services.forCaller(caller).findAll(), 'validation_failed');
    const fields = error.details.map((detail) => detail.field);
    assert.ok(fields.includes(field), `${fields} of ${JSON.stringify(caller)}`);
  }
});

test('roles are kept', async (t) => {
  const services = await open(t);
  const row = await services.forCaller(owner).create(app());
  const viewer = services.forCaller({ ...owner, role: 'viewer' });
  assert.deepEqual(await viewer.findById(row.id), row);
  await refused(viewer.update(row.id, { displayName: 'x' }), 'forbidden');
  await refused(viewer.softDelete(row.id), 'forbidden');
  await refused(viewer.updateVerificationStatus(row.id, 'VALID'), 'forbidden');
  await refused(viewer.verify(row.id), 'forbidden');
});

test('every wrong field is told at once, and no secret', async (t) => {
  const mine = (await open(t)).forCaller(owner);
  const error = await refused(
    mine.create(app({ accessToken: `${TOKEN} with a space`, defaultBranch: 'a..b', bogus: TOKEN })),
    'validation_failed',
  );
  assert.deepEqual(
    error.details.map((detail) => detail.field),
    ['defaultBranch', 'accessToken', 'bogus'],
  );
  assert.ok(!inspect(error, { depth: 9 }).includes('S3CR3T'), 'the error tells the token');
  const missing = await refused(mine.create({ tenantId: 't1' }), 'missing_required_fields');
  assert.equal(missing.status, 400);
  assert.deepEqual(
    missing.details.map((detail) => detail.field),
    ['scmType', 'repositoryUrl', 'accessToken'],
  );
  await mine.create(app());
  const again = await refused(mine.create(app({ repositoryUrl: 'github.com/octo/app.git' })), 'already_exists');
  assert.equal(again.status, 409);
});

test('a secret does not print', () => {
  const secret = new Secret(TOKEN);
  const shown = [
    inspect(secret),
    inspect({ secret }, { depth: 9, showHidden: true }),
    JSON.stringify({ secret }),
    `${secret}`,
    String(secret),
    secret + '',
    Object.entries(secret).join(),
    Reflect.ownKeys(secret).join(),
    new Error('about', { cause: secret }).stack,
    inspect(new Error('about', { cause: secret })),
    inspect(keyRing),
  ].join('\n');
  assert.ok(!shown.includes('S3CR3T'), shown);
  assert.ok(shown.includes('[secret]'));
  assert.equal(secret.reveal(), TOKEN);
  assert.throws(() => new Secret(7), TypeError);
});
