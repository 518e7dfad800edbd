import type { Services } from './services';
import { json, text } from './text';
import type { Caller } from './types';
import { ScmError } from './error';

/** In whose name a tenant's repository is worked on. */
export interface SCMServiceOptions {
  /** The account that is noted with what is done. */
  accountId: string;
  /** Which of a tenant's integrations is meant; needed only for tenants that have several. */
  integrationId?: (tenantId: string) => string | undefined | Promise<string | undefined>;
}

/**
 * Release work on a tenant's repository, with the functions of the original's class of this name,
 * on every code host.
 *
 * Repeating a call is safe: what is there already is not made again, and something else under the
 * same name is an error with both commits in `more.conflict`.
 */
export class SCMService {
  readonly #services: Services;
  readonly #options: SCMServiceOptions;

  /** @internal */
  constructor(services: Services, options: SCMServiceOptions) {
    this.#services = services;
    this.#options = options;
  }

  /** Whether there is a branch; a host that does not answer is an error and never `false`. */
  async checkBranchExists(tenantId: string, branch: string): Promise<boolean> {
    return (await this.#call('checkBranchExists', tenantId, { branch })) as boolean;
  }

  /** A branch at the head of another. */
  async forkOutBranch(tenantId: string, releaseBranch: string, baseBranch: string): Promise<void> {
    await this.#call('forkOutBranch', tenantId, { releaseBranch, baseBranch });
  }

  /** An annotated tag at a branch's head, named or made of targets and version; gives its name. */
  async createReleaseTag(
    tenantId: string,
    releaseBranch: string,
    tagName?: string | null,
    targets?: string[] | null,
    version?: string | null,
  ): Promise<string> {
    const args = { releaseBranch, tagName, targets, version };
    return (await this.#call('createReleaseTag', tenantId, args)) as string;
  }

  /** The notes of a tag, Markdown; since the newest tag before it unless another is named. */
  async createReleaseNotes(
    tenantId: string,
    currentTag: string,
    previousTag?: string | null,
    baseVersion?: string | null,
    parentTargets?: string[] | null,
    _releaseId?: string,
  ): Promise<string> {
    const args = { currentTag, previousTag, baseVersion, parentTargets };
    return (await this.#call('createReleaseNotes', tenantId, args)) as string;
  }

  /**
   * A release of a tag with its notes; gives its page. Without a date the notes name none, so that
   * the same call finds its own release tomorrow, too.
   */
  async createFinalReleaseNotes(
    tenantId: string,
    currentTag: string,
    previousTag?: string | null,
    releaseDate?: Date | string | null,
  ): Promise<string> {
    const args = { currentTag, previousTag, releaseDate };
    return (await this.#call('createFinalReleaseNotes', tenantId, args)) as string;
  }

  /** How many commits a branch has that a tag has not. */
  async getCommitsDiff(
    tenantId: string,
    branch: string,
    tag: string,
    _releaseId?: string,
  ): Promise<number> {
    return (await this.#call('getCommitsDiff', tenantId, { branch, tag })) as number;
  }

  /**
   * Whether a branch has gone on since it was tagged. A missing branch, a missing tag and a host that
   * does not answer are errors, each its own, and never `false`.
   */
  async checkCherryPickStatus(tenantId: string, branch: string, tag: string): Promise<boolean> {
    return (await this.#call('checkCherryPickStatus', tenantId, { branch, tag })) as boolean;
  }

  /** The page of a branch. */
  async getBranchUrl(tenantId: string, branch: string): Promise<string> {
    return (await this.#call('getBranchUrl', tenantId, { branch })) as string;
  }

  /** The page of a tag. */
  async getTagUrl(tenantId: string, tag: string): Promise<string> {
    return (await this.#call('getTagUrl', tenantId, { tag })) as string;
  }

  async #call(name: string, tenantId: string, args: Record<string, unknown>): Promise<unknown> {
    const tenant = text('tenantId', tenantId);
    if (tenant === '') throw ScmError.invalid('tenantId', 'is required');
    const caller: Caller = { accountId: this.#options.accountId, tenantId: tenant, role: 'editor' };
    const integrationId = await this.#options.integrationId?.(tenant);
    return this.#services.call(name, caller, tenant, json('arguments', { ...args, integrationId }));
  }
}
