// Checks and release work on four code hosts, each played on loopback with a real git repository.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TOKEN, app, codeHosts, open, owner, refused, repositories } from './helper.mjs';

let played;
before(async () => {
  played = await codeHosts();
});
after(() => played?.stop());

for (const [scmType, repositoryUrl] of repositories) {
  // Each test has refs of its own: the repositories live as long as this file.
  test(`release work on ${new URL(repositoryUrl).host}`, async (t) => {
    const services = await open(t, { hosts: played.hosts });
    const mine = services.forCaller(owner);
    const row = await mine.create(app({ scmType, repositoryUrl }));

    const { integration, verification } = await mine.verify(row.id);
    assert.equal(verification.success, true);
    assert.equal(integration.verificationStatus, 'VALID');
    assert.ok(integration.lastVerifiedAt instanceof Date);
    assert.equal(integration.id, row.id);

    const work = services.scmService({ accountId: 'release-service' });
    assert.equal(await work.checkBranchExists('t1', 'release/1'), true);
    assert.equal(await work.checkBranchExists('t1', 'release/2'), false);
    assert.equal(await work.forkOutBranch('t1', 'release/2', 'release/1'), undefined);
    assert.equal(await work.forkOutBranch('t1', 'release/2', 'release/1'), undefined, 'and again');
    assert.equal(await work.checkBranchExists('t1', 'release/2'), true);

    assert.equal(await work.checkCherryPickStatus('t1', 'release/2', 'v1.0.0'), true);
    assert.equal(await work.getCommitsDiff('t1', 'release/2', 'v1.0.0', 'release-id'), 1);

    assert.equal(await work.createReleaseTag('t1', 'release/2', 'v1.1.0'), 'v1.1.0');
    assert.equal(await work.createReleaseTag('t1', 'release/2', 'v1.1.0'), 'v1.1.0', 'and again');
    const named = await work.createReleaseTag('t1', 'release/2', undefined, ['WEB', 'PLAY_STORE'], '1.1.0');
    assert.equal(named, 'wps_1.1.0');
    assert.equal(await work.checkCherryPickStatus('t1', 'release/2', 'v1.1.0'), false);
    assert.equal(await work.getCommitsDiff('t1', 'release/2', 'v1.1.0'), 0);

    const notes = await work.createReleaseNotes('t1', 'v1.1.0', 'v1.0.0');
    assert.match(notes, /Fix the login/);
    assert.doesNotMatch(notes, /Add the shop/);
    const since = await work.createReleaseNotes('t1', 'v1.1.0', null, '1.1.0', ['WEB', 'PLAY_STORE'], 'release-id');
    assert.match(since, /No changes/);

    assert.match(await work.getTagUrl('t1', 'v1.1.0'), /^https:\/\/.*v1\.1\.0/);
    assert.match(await work.getBranchUrl('t1', 'release/2'), /^https:\/\/.*release/);

    const release = () => work.createFinalReleaseNotes('t1', 'v1.1.0', 'v1.0.0', new Date('2026-11-23'));
    if (repositoryUrl.includes('bitbucket.org')) {
      // Without releases the notes are the message of the tag, which is there with another one.
      await refused(release(), 'tag_message_differs');
    } else {
      // Data Center does not tell the message of a tag: the tag's page is all there is.
      const url = await release();
      assert.match(url, /^https?:\/\/.*v1\.1\.0/);
      assert.equal(await release(), url, 'and again');
    }

    await refused(work.forkOutBranch('t1', 'release/3', 'nothing'), 'branch_not_found');
    await refused(work.checkCherryPickStatus('t1', 'nothing', 'v1.0.0'), 'branch_not_found');
    await refused(work.checkCherryPickStatus('t1', 'main', 'nothing'), 'tag_not_found');
    await refused(work.createReleaseNotes('t1', 'nothing'), 'tag_not_found');
    const moved = await refused(work.createReleaseTag('t1', 'main', 'v1.0.0'), 'ref_conflict');
    assert.equal(moved.more.conflict.ref, 'refs/tags/v1.0.0');
  });
}

test('whose and which integration', async (t) => {
  const services = await open(t, { hosts: played.hosts });
  const mine = services.forCaller(owner);
  const work = services.scmService({ accountId: 'release-service' });
  await refused(work.checkBranchExists('t1', 'main'), 'not_found');
  const [github, gitlab] = [
    await mine.create(app()),
    await mine.create(app({ scmType: 'GITLAB', repositoryUrl: repositories[1][1] })),
  ];
  const error = await refused(work.checkBranchExists('t1', 'main'), 'integration_ambiguous');
  assert.equal(error.status, 409);
  const chosen = services.scmService({ accountId: 'r', integrationId: async () => gitlab.id });
  assert.match(await chosen.getTagUrl('t1', 'v1.0.0'), /^https:\/\/gitlab\.com\//);
  await refused(chosen.getTagUrl('t2', 'v1.0.0'), 'not_found');
  await refused(chosen.getTagUrl('', 'v1.0.0'), 'validation_failed', 'tenantId');
  await mine.update(gitlab.id, { isActive: false });
  assert.equal(await work.getTagUrl('t1', 'v1.0.0'), `${github.repositoryUrl}/releases/tag/v1.0.0`);
  await refused(work.checkBranchExists('t2', 'main'), 'not_found');
});

test('wrong names are told before a host is asked', async (t) => {
  const services = await open(t, { hosts: played.hosts });
  await services.forCaller(owner).create(app());
  const work = services.scmService({ accountId: 'r' });
  await refused(work.checkBranchExists('t1', 'a..b'), 'validation_failed', 'branch');
  await refused(work.forkOutBranch('t1', 'a b', 'main'), 'validation_failed', 'releaseBranch');
  await refused(work.createReleaseTag('t1', 'main'), 'validation_failed', 'targets');
  await refused(work.createReleaseTag('t1', 'main', null, ['WEB']), 'validation_failed', 'version');
  await refused(work.createReleaseTag('t1', 'main', null, [], '1.0.0'), 'validation_failed', 'targets');
  await refused(work.createReleaseTag('t1', 'main', 'a..b'), 'validation_failed', 'tagName');
  await refused(work.createFinalReleaseNotes('t1', 'v1.0.0', null, 'tomorrow'), 'validation_failed', 'releaseDate');
  await refused(work.createFinalReleaseNotes('t1', 'v1.0.0', null, new Date(NaN)), 'validation_failed', 'releaseDate');
});

test('a check that finds a fault, and one that finds nothing out', async (t) => {
  const services = await open(t, { hosts: played.hosts });
  const mine = services.forCaller(owner);
  const gone = await mine.create(app({ repositoryUrl: 'https://github.com/octo/nothing' }));
  const { verification, integration } = await mine.verify(gone.id);
  assert.equal(verification.success, false);
  assert.equal(integration.verificationStatus, 'INVALID');
  assert.equal(integration.verificationError, verification.error);

  const dead = played.hosts.map((host) => ({ ...host, apiUrl: 'http://127.0.0.1:1' }));
  const away = (await open(t, { hosts: dead })).forCaller(owner);
  const row = await away.create(app());
  const error = await refused(away.verify(row.id), 'provider_unavailable');
  assert.equal(error.status, 503);
  assert.ok(error.retryAfter > 0);
  assert.ok(!error.stack.includes(TOKEN));
  assert.equal((await away.findById(row.id)).verificationStatus, 'PENDING', 'nothing is known');
});
