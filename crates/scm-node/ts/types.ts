import type { Secret } from './secret';

/** Which product a repository lives on. */
export type SCMType = 'GITHUB' | 'GITLAB' | 'BITBUCKET';
/** The products, as the original's enum. */
export const SCMType = Object.freeze({
  GITHUB: 'GITHUB',
  GITLAB: 'GITLAB',
  BITBUCKET: 'BITBUCKET',
} as const);

/** What the last definite check said. */
export type VerificationStatus = 'PENDING' | 'VALID' | 'INVALID' | 'EXPIRED';
/** The states, as the original's enum. */
export const VerificationStatus = Object.freeze({
  PENDING: 'PENDING',
  VALID: 'VALID',
  INVALID: 'INVALID',
  EXPIRED: 'EXPIRED',
} as const);

/** Who calls. A tenant's member with a role, or the platform itself, which reaches every tenant. */
export type Caller =
  | {
      /** The account that acts; noted with everything it changes. */
      accountId: string;
      /** Its tenant. */
      tenantId: string;
      /** What it may do there; each role includes the ones before it. */
      role: 'viewer' | 'editor' | 'owner';
      /** The request that it makes, for the audit log. */
      requestId?: string;
    }
  | {
      accountId: string;
      role: 'platform';
      tenantId?: undefined;
      requestId?: string;
    };

/** An integration without its secrets. */
export interface SafeSCMIntegration {
  id: string;
  tenantId: string;
  scmType: SCMType;
  displayName: string;
  githubOrganization: string | null;
  githubRepository: string | null;
  githubInstallationId: string | null;
  gitlabProjectId: string | null;
  gitlabGroupId: string | null;
  bitbucketWorkspace: string | null;
  bitbucketRepository: string | null;
  /** In normal form. */
  repositoryUrl: string;
  defaultBranch: string;
  tokenExpiresAt: Date | null;
  autoRotate: boolean;
  webhookId: string | null;
  webhookUrl: string | null;
  isActive: boolean;
  verificationStatus: VerificationStatus;
  lastVerifiedAt: Date | null;
  verificationError: string | null;
  createdByAccountId: string;
  createdAt: Date;
  updatedAt: Date;
  /** A token is stored, it has not expired and was not found invalid. */
  hasValidToken: boolean;
  isTokenExpired: boolean;
}

/** What is needed to create an integration. */
export interface CreateSCMIntegrationDto {
  tenantId: string;
  scmType: SCMType;
  /** The repository's path unless given. */
  displayName?: string;
  githubOrganization?: string;
  githubRepository?: string;
  githubInstallationId?: string;
  gitlabProjectId?: string;
  gitlabGroupId?: string;
  bitbucketWorkspace?: string;
  bitbucketRepository?: string;
  repositoryUrl: string;
  /** `main` unless given. */
  defaultBranch?: string;
  accessToken?: string | Secret;
  refreshToken?: string | Secret;
  tokenExpiresAt?: Date | string;
  autoRotate?: boolean;
  /** The platform alone may name another account than its own. */
  createdByAccountId?: string;
}

/** What can be changed. Absent stays, `null` erases where that is possible. */
export interface UpdateSCMIntegrationDto {
  displayName?: string;
  defaultBranch?: string;
  accessToken?: string | Secret | null;
  refreshToken?: string | Secret | null;
  tokenExpiresAt?: Date | string | null;
  autoRotate?: boolean;
  isActive?: boolean;
}

/** Which integrations a list shows. */
export interface SCMIntegrationFilters {
  tenantId?: string;
  scmType?: SCMType;
  /** Without it, deleted ones are not shown. */
  isActive?: boolean;
  verificationStatus?: VerificationStatus;
  /** Those whose token is known to end before. */
  expiringBefore?: Date | string;
}

/** A part of a list. */
export interface Page {
  items: SafeSCMIntegration[];
  /** Where it goes on; `null` at the end. */
  nextCursor: string | null;
}

/** What a check found. */
export interface VerificationResult {
  success: boolean;
  status: VerificationStatus;
  error?: string;
  metadata?: {
    repositoryName: string;
    ownerName: string;
    visibility: string;
    [more: string]: unknown;
  };
}

/** A check, and the integration as it stands after it. */
export interface Verification {
  integration: SafeSCMIntegration;
  verification: VerificationResult;
}

/** A code host that tenants may connect to. */
export interface CodeHost {
  kind: 'github' | 'gitlab' | 'bitbucket' | 'bitbucket-data-center';
  /** As it stands in repository URLs, with port or sub-path if it has one. */
  host: string;
  /** Where its API is; the product's usual place unless given. */
  apiUrl?: string;
  oauthUrl?: string;
  /** True for a host inside the network. */
  allowPrivateAddresses?: boolean;
  /** Further certificate authorities. */
  caPem?: string;
  oauthClientId?: string;
  oauthClientSecret?: string | Secret;
  oauthRedirectUri?: string;
}

/** What an instance is opened with. */
export interface OpenOptions {
  /** `mysql://…`, `postgres://…` or `sqlite:…`. */
  databaseUrl: string | Secret;
  /** The key ring's text; or `keyFile`. */
  keyRing?: string | Secret;
  /** The file that holds the key ring. */
  keyFile?: string;
  /** Whether pending schema steps are applied; only on SQLite unless given. */
  migrate?: boolean;
  /** Instead of github.com, gitlab.com and bitbucket.org. */
  hosts?: CodeHost[];
  /** Where code hosts reach the mounted `…/webhooks`; without it no webhook can be registered. */
  publicUrl?: string;
  /** Most connections to the database, 10 unless given. */
  maxConnections?: number;
}
