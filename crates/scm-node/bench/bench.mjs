// Reading one row and a tenant's rows, through the addon and through Sequelize 6, in one process, on one
// MySQL or MariaDB server and one table; and how long Node's loop is kept during 1,000 calls at a time.
//
//     npm run build -- --release
//     SCM_TEST_MYSQL_URL=mysql://root@127.0.0.1:3306/mysql npm run bench
//
// Both have ten connections. Both are driven by turns and the medians are compared, so that a noisy
// machine is noisy for both. The addon checks the caller's role and tenant; Sequelize does what the
// original's controller does, which is to find, and to leave the secrets out of what it found.
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';

const require = createRequire(import.meta.url);
const { Services } = require('../dist/index.js');
const { DataTypes, Sequelize } = require('sequelize');

const SERVER = process.env.SCM_TEST_MYSQL_URL;
if (!SERVER) throw new Error('SCM_TEST_MYSQL_URL names no server');
const [TENANTS, EACH, CONNECTIONS, AT_ONCE] = [20, 20, 10, 64];
const TURNS = Number(process.env.SCM_BENCH_TURNS ?? 5);
const SECONDS = Number(process.env.SCM_BENCH_SECONDS ?? 3);

const name = `scm_bench_${process.pid}`;
const url = new URL(SERVER);
url.pathname = `/${name}`;
const admin = new Sequelize(SERVER, { logging: false });
await admin.query(`CREATE DATABASE \`${name}\``);

/** The original's model, as far as it is read. */
function model(sequelize) {
  const text = (length) => ({ type: DataTypes.STRING(length) });
  return sequelize.define(
    'SCMIntegration',
    {
      id: { ...text(255), primaryKey: true },
      tenantId: DataTypes.CHAR(36),
      scmType: DataTypes.ENUM('GITHUB', 'GITLAB', 'BITBUCKET'),
      ...Object.fromEntries(
        [
          'displayName', 'githubOrganization', 'githubRepository', 'githubInstallationId', 'gitlabProjectId',
          'gitlabGroupId', 'bitbucketWorkspace', 'bitbucketRepository', 'defaultBranch', 'webhookId',
          'createdByAccountId',
        ].map((column) => [column, text(255)]),
      ),
      repositoryUrl: text(512),
      webhookUrl: text(512),
      ...Object.fromEntries(
        ['accessToken', 'refreshToken', 'webhookSecret', 'verificationError'].map((column) => [column, DataTypes.TEXT]),
      ),
      tokenExpiresAt: DataTypes.DATE,
      isActive: DataTypes.BOOLEAN,
      verificationStatus: DataTypes.ENUM('PENDING', 'VALID', 'INVALID', 'EXPIRED'),
      lastVerifiedAt: DataTypes.DATE,
      createdAt: DataTypes.DATE,
      updatedAt: DataTypes.DATE,
    },
    { tableName: 'tenant_scm_integrations', timestamps: true },
  );
}

const safe = ({ accessToken, refreshToken, webhookSecret, ...rest }) => ({
  ...rest,
  hasValidToken: Boolean(accessToken),
  isTokenExpired: rest.tokenExpiresAt ? new Date() > new Date(rest.tokenExpiresAt) : false,
});

const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];

/** Calls for so many seconds, so many at a time; calls a second. */
async function turn(call) {
  const until = performance.now() + SECONDS * 1000;
  let done = 0;
  const one = async () => {
    while (performance.now() < until) {
      await call(done);
      done += 1;
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return (done * 1000) / (performance.now() - begun);
}

/** How late a timer of Node is during 1,000 calls at a time, ten times over, in milliseconds. */
async function delay(call) {
  const seen = monitorEventLoopDelay({ resolution: 1 });
  seen.enable();
  for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 1000 }, (_, n) => call(n)));
  seen.disable();
  return { p99: seen.percentile(99) / 1e6, max: seen.max / 1e6 };
}

const services = await Services.open({
  databaseUrl: url.href,
  keyRing: Services.generateKeyRing(),
  migrate: true,
  maxConnections: CONNECTIONS,
});
const sequelize = new Sequelize(url.href, { logging: false, pool: { max: CONNECTIONS, min: CONNECTIONS } });
try {
  const rows = [];
  for (let tenant = 0; tenant < TENANTS; tenant += 1) {
    const scm = services.forCaller({ accountId: 'bench', tenantId: `t${tenant}`, role: 'owner' });
    for (let n = 0; n < EACH; n += 1) {
      const repositoryUrl = `https://github.com/octo/app-${n}`;
      const row = { tenantId: `t${tenant}`, scmType: 'GITHUB', repositoryUrl, accessToken: 'ghp_0123456789abcdef' };
      rows.push({ scm, row: await scm.create(row) });
    }
  }
  const table = model(sequelize);
  const of = (n) => rows[(n * 7919) % rows.length];
  const operations = {
    'one row': {
      addon: (n) => of(n).scm.findById(of(n).row.id),
      sequelize: async (n) => safe((await table.findByPk(of(n).row.id)).toJSON()),
    },
    'the 20 rows of a tenant': {
      addon: (n) => of(n).scm.findAll({ tenantId: of(n).row.tenantId }),
      sequelize: async (n) => {
        const where = { tenantId: of(n).row.tenantId };
        const found = await table.findAll({ where, order: [['createdAt', 'DESC']] });
        return found.map((row) => safe(row.toJSON()));
      },
    },
  };
  const [version] = await admin.query('SELECT VERSION() AS version', { type: 'SELECT' });
  console.log(`Node ${process.version}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, ${version.version}\n`);
  console.log('| operation | calls/s: addon · Sequelize | ratio | loop delay p99 ms | max ms |');
  console.log('|---|---|---|---|---|');
  for (const [operation, { addon, sequelize: other }] of Object.entries(operations)) {
    const [a, b] = [await addon(1), await other(1)];
    if ((Array.isArray(a) ? a.length : a.id) !== (Array.isArray(b) ? b.length : b.id)) throw new Error('they differ');
    const told = { addon: [], other: [] };
    await turn(addon);
    await turn(other);
    for (let n = 0; n < TURNS; n += 1) {
      told.addon.push(await turn(addon));
      told.other.push(await turn(other));
    }
    const [mine, theirs] = [median(told.addon), median(told.other)];
    const [delayed, late] = [await delay(addon), await delay(other)];
    const ms = (key) => `${delayed[key].toFixed(1)} · ${late[key].toFixed(1)}`;
    console.log(`| ${operation} | ${mine.toFixed(0)} · ${theirs.toFixed(0)} | **${(mine / theirs).toFixed(2)}** | ${ms('p99')} | ${ms('max')} |`);
  }
} finally {
  await services.close();
  await sequelize.close();
  await admin.query(`DROP DATABASE \`${name}\``);
  await admin.close();
}
