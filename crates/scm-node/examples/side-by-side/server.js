// An Express server that is there already, with its own login, and scm-server beside it.
//
// Start it with: SCM_TARGET=http://127.0.0.1:8080 SCM_PRIVATE_KEY=proxy-key.pem node server.js
'use strict';

const { readFileSync } = require('node:fs');
const express = require('express');
const { scmProxy } = require('./scm-proxy.js');

/** What the server's settings say, too: see settings.toml. */
const ISSUER = 'portal';
const AUDIENCE = 'scm';

/**
 * The app. `sessions` maps what stands in the cookie to who is logged in; a real server has its own
 * middleware for that.
 */
function portal({ target, privateKey, sessions }) {
  const app = express();
  app.use((req, _res, next) => {
    const [, id] = /(?:^|;\s*)session=([^;]+)/.exec(req.headers.cookie ?? '') ?? [];
    req.user = sessions.get(id);
    next();
  });

  const scm = scmProxy({
    target,
    privateKey,
    issuer: ISSUER,
    audience: AUDIENCE,
    caller: (req) => req.user && { accountId: req.user.id, tenantId: req.user.tenant, role: req.user.role },
  });
  // The routes of the server, and those that delivr's panel calls (delivr.enabled).
  app.use('/api/v1/integrations/scm', scm);
  app.use(/^(\/api\/v1)?\/tenants\/[^/]+\/integrations\/scm(?=\/|$)/, scm);

  // What the server had before, behind its body parser as ever.
  app.use(express.json());
  app.post('/echo', (req, res) => res.json(req.body));
  return app;
}

module.exports = { portal };

if (require.main === module) {
  const sessions = new Map([['demo', { id: 'acc_1', tenant: 't1', role: 'owner' }]]);
  const privateKey = readFileSync(process.env.SCM_PRIVATE_KEY);
  portal({ target: process.env.SCM_TARGET, privateKey, sessions }).listen(3000, '127.0.0.1');
}
