// What the tests have in common: a database, an instance, and scripted code hosts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const require = createRequire(import.meta.url);
export const scm = require('../dist/index.js');
/** The native part itself, for what TypeScript keeps away from it. */
export const { native } = require('../dist/native.js');
export const { nativeOf } = require('../dist/services.js');

/** One key for all: what matters is that it is the same one. */
export const keyRing = scm.Services.generateKeyRing();

export const TOKEN = 'ghp_S3CR3Tmark';

export const owner = { accountId: 'acc_1', tenantId: 't1', role: 'owner' };

export const app = (more = {}) => ({
  tenantId: 't1',
  scmType: 'GITHUB',
  repositoryUrl: 'https://github.com/octo/app',
  accessToken: TOKEN,
  ...more,
});

/** A new embedded database, removed after the test. */
export function database(t) {
  const directory = mkdtempSync(join(tmpdir(), 'scm-node-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return `sqlite:${join(directory, 'scm.db')}`;
}

/** An instance on a new database, closed after the test. */
export async function open(t, more = {}) {
  const services = await scm.Services.open({ databaseUrl: database(t), keyRing, ...more });
  t.after(() => services.close());
  return services;
}

/** Fails unless the promise is rejected with an ScmError of this code; gives the error. */
export async function refused(promise, code, field) {
  const error = await promise.then(
    (value) => assert.fail(`no error, but ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof scm.ScmError, `an ScmError, not ${error}`);
  assert.equal(error.code, code, error.message);
  if (field !== undefined) assert.equal(error.field, field, error.message);
  assert.ok(Number.isInteger(error.status));
  return error;
}

/** The code hosts that `cargo run -p scm-testkit --example code_host` plays. */
export async function codeHosts() {
  const built = process.env.SCM_CODE_HOST;
  const [command, args] = built
    ? [built, []]
    : ['cargo', ['run', '--quiet', '-p', 'scm-testkit', '--example', 'code_host']];
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  const hosts = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === '[[hosts]]') hosts.push({});
    const [, name, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const camel = name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    hosts.at(-1)[camel] = JSON.parse(value);
    if (hosts.length === 4 && camel === 'allowPrivateAddresses') break;
  }
  assert.equal(hosts.length, 4, 'the code hosts did not start');
  return { hosts, stop: () => child.kill() };
}

/** A repository on each of the four products, as `create` takes it. */
export const repositories = [
  ['GITHUB', 'https://github.com/octo/app'],
  ['GITLAB', 'https://gitlab.com/group/sub/deep/app'],
  ['BITBUCKET', 'https://bitbucket.org/ws/app'],
  ['BITBUCKET', 'https://git.example.com/projects/KEY/repos/app'],
];
