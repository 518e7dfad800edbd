import type { Services } from './services';
import { isPlain, json, text } from './text';
import { ScmError } from './error';
import type {
  Caller,
  CreateSCMIntegrationDto,
  Page,
  SCMIntegrationFilters,
  SafeSCMIntegration,
  UpdateSCMIntegrationDto,
  Verification,
  VerificationStatus,
} from './types';

const TIMES = ['tokenExpiresAt', 'lastVerifiedAt', 'createdAt', 'updatedAt'] as const;

/** A row as it is told, with dates in place of texts, as the original gives it. */
function row(told: unknown): SafeSCMIntegration {
  const row = told as Record<string, unknown>;
  for (const field of TIMES) {
    const value = row[field];
    if (typeof value === 'string') row[field] = new Date(value);
  }
  return row as unknown as SafeSCMIntegration;
}

function rowOrNull(told: unknown): SafeSCMIntegration | null {
  return told === null ? null : row(told);
}

/**
 * Integrations as one caller sees them: the functions of the original's controller. The caller's
 * tenant bounds every one of them; what belongs to another is as if it were not there.
 */
export class ScmIntegrationController {
  readonly #services: Services;
  readonly #caller: Caller;

  /** @internal */
  constructor(services: Services, caller: Caller) {
    this.#services = services;
    this.#caller = caller;
  }

  /** Stores a new connection, sealed, in state PENDING. Needs the role owner. */
  async create(data: CreateSCMIntegrationDto): Promise<SafeSCMIntegration> {
    return row(await this.#call('create', '', json('data', data)));
  }

  /** One integration; `null` if there is none. Secrets are not given out. */
  async findById(id: string): Promise<SafeSCMIntegration | null> {
    return rowOrNull(await this.#call('findById', text('id', id)));
  }

  /** Every integration that the filters let through, newest first. */
  async findAll(filters: SCMIntegrationFilters = {}): Promise<SafeSCMIntegration[]> {
    const all: SafeSCMIntegration[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await this.list(filters, { limit: 1000, ...(cursor === null ? {} : { cursor }) });
      all.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return all;
  }

  /** One page of them. */
  async list(
    filters: SCMIntegrationFilters = {},
    page: { limit?: number; cursor?: string } = {},
  ): Promise<Page> {
    if (!isPlain(filters)) throw ScmError.invalid('filters', 'must be an object');
    if (!isPlain(page)) throw ScmError.invalid('page', 'must be an object');
    const { limit, ...rest } = page as { limit?: unknown; cursor?: string };
    const wanted = { ...filters, ...rest, ...(limit === undefined ? {} : { limit: String(limit) }) };
    const told = (await this.#call('list', '', json('filters', wanted))) as Page;
    told.items.forEach(row);
    return told;
  }

  /** The tenant's integration for a repository, in whatever spelling its URL is given. */
  async findByRepository(tenantId: string, repositoryUrl: string): Promise<SafeSCMIntegration | null> {
    const args = json('repositoryUrl', { repositoryUrl: text('repositoryUrl', repositoryUrl) });
    return rowOrNull(await this.#call('findByRepository', text('tenantId', tenantId), args));
  }

  /** The tenant's active integration, the newest if there are several; `null` if there is none. */
  async findActiveByTenant(tenantId: string): Promise<SafeSCMIntegration | null> {
    const page = await this.list({ tenantId: text('tenantId', tenantId), isActive: true }, { limit: 1 });
    return page.items[0] ?? null;
  }

  /** Changes the named fields and no others; `null` if there is no such integration. Owner. */
  async update(id: string, data: UpdateSCMIntegrationDto): Promise<SafeSCMIntegration | null> {
    return rowOrNull(await this.#call('update', text('id', id), json('data', data)));
  }

  /** Notes what a check of the caller's own came to. Needs the role owner. */
  async updateVerificationStatus(
    id: string,
    status: VerificationStatus,
    error?: string | null,
  ): Promise<SafeSCMIntegration | null> {
    const given = { status: text('status', status), ...(error == null ? {} : { error: text('error', error) }) };
    const args = json('status', given);
    return rowOrNull(await this.#call('updateVerificationStatus', text('id', id), args));
  }

  /** Pauses it and erases its secrets; false if there is none. Needs the role owner. */
  async softDelete(id: string): Promise<boolean> {
    return (await this.#call('delete', text('id', id))) as boolean;
  }

  /** Removes it and all that hangs on it; false if there is none. Needs the role owner. */
  async hardDelete(id: string): Promise<boolean> {
    return (await this.#call('delete', text('id', id), '{"hard":true}')) as boolean;
  }

  /** Whether there is such an integration, deleted softly or not. */
  async exists(id: string): Promise<boolean> {
    return (await this.#call('exists', text('id', id))) as boolean;
  }

  /** How many active integrations a tenant has. */
  async count(tenantId: string): Promise<number> {
    return (await this.#call('count', text('tenantId', tenantId))) as number;
  }

  /** Checks the stored credential against its code host. Needs the role owner. */
  async verify(id: string): Promise<Verification> {
    const told = (await this.#call('verify', text('id', id))) as Verification;
    row(told.integration);
    return told;
  }

  #call(name: string, subject: string, args = '{}'): Promise<unknown> {
    return this.#services.call(name, this.#caller, subject, args);
  }
}
