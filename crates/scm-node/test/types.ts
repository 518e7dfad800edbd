// Compiled with `tsc --strict` against the generated declarations, and never run: what is written here
// must compile, and what is marked must not.
import express from 'express';
import { scmRouter, ScmError, SCMType, Secret, Services, VerificationStatus, type SafeSCMIntegration } from '../dist';

export async function use(): Promise<void> {
  const services = await Services.open({ databaseUrl: 'mysql://…', keyFile: '/etc/scm/keys' });
  const scm = services.forCaller({ accountId: 'a', tenantId: 't1', role: 'owner' });
  services.forCaller({ accountId: 'ops', role: 'platform' });
  // @ts-expect-error a member has a tenant
  services.forCaller({ accountId: 'a', role: 'owner' });
  // @ts-expect-error a caller has to be named
  services.forCaller();

  const row: SafeSCMIntegration = await scm.create({
    tenantId: 't1',
    scmType: SCMType.GITHUB,
    repositoryUrl: 'https://github.com/octo/app',
    accessToken: new Secret('…'),
  });
  const created: Date = row.createdAt;
  const found: SafeSCMIntegration | null = await scm.findById(row.id);
  // @ts-expect-error a row holds no token
  found?.accessToken;
  // @ts-expect-error the tenant of a row cannot be changed
  await scm.update(row.id, { tenantId: 't2' });
  await scm.update(row.id, { accessToken: null, tokenExpiresAt: created });
  await scm.updateVerificationStatus(row.id, VerificationStatus.VALID);
  // @ts-expect-error no such status
  await scm.updateVerificationStatus(row.id, 'GOOD');

  const work = services.scmService({ accountId: 'release-service' });
  const exists: boolean = await work.checkBranchExists('t1', 'main');
  const tag: string = await work.createReleaseTag('t1', 'main', undefined, ['WEB'], '1.0.0');
  const commits: number = await work.getCommitsDiff('t1', 'main', tag);
  void [exists, commits];

  try {
    await services.close();
  } catch (error) {
    if (error instanceof ScmError) {
      const code: string = error.code;
      const field: string | undefined = error.field;
      void [code, field];
    }
  }
}

export function mount(services: Services): express.Express {
  const app = express();
  type Session = express.Request & { session?: { account: string; tenant: string } };
  app.use(
    '/api/v1/integrations/scm',
    scmRouter<Session>({
      services,
      caller: async ({ session }) =>
        session && { accountId: session.account, tenantId: session.tenant, role: 'owner' },
    }),
  );
  // @ts-expect-error a router needs to know who calls
  app.use(scmRouter({ services }));
  return app;
}
