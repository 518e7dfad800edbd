import { ScmIntegrationController } from './controller';
import { type Fault, ScmError, unwrap } from './error';
import { native, type NativeServices } from './native';
import { SCMService, type SCMServiceOptions } from './scm-service';
import { Secret } from './secret';
import { isPlain, json } from './text';
import type { Caller, OpenOptions } from './types';

/** The one way to the native part, for the other files of this package. @internal */
export const nativeOf = new WeakMap<Services, NativeServices>();

/**
 * An opened instance: a database, its keys, and everything that is done with them. Several can be
 * open in one process; each has threads of its own and gives everything back when it is closed.
 */
export class Services {
  #closing: Promise<void> | undefined;

  private constructor(opened: NativeServices) {
    nativeOf.set(this, opened);
  }

  /** Opens the database and proves that the keys are its own. */
  static async open(options: OpenOptions): Promise<Services> {
    if (!isPlain(options)) throw ScmError.invalid('options', 'must be an object');
    const { hosts, maxConnections, ...rest } = options;
    const given: Record<string, unknown> = { ...rest };
    if (hosts !== undefined) {
      if (!Array.isArray(hosts)) throw ScmError.invalid('hosts', 'must be a list');
      given['hosts'] = `[${hosts.map((host) => json('hosts', host)).join(',')}]`;
    }
    if (maxConnections !== undefined) given['maxConnections'] = String(maxConnections);
    const opened = await native.open(json('options', given));
    if (typeof opened === 'string') {
      unwrap(opened);
      throw ScmError.invalid('options', 'cannot be used');
    }
    return new Services(opened);
  }

  /** A fresh key ring with one key, for a new database. Keep it: without it nothing can be read. */
  static generateKeyRing(): Secret {
    const ring = native.generateKeyRing();
    if (ring.startsWith('{"fault"')) throw new ScmError((JSON.parse(ring) as { fault: Fault }).fault);
    return new Secret(ring);
  }

  /** The integrations as a caller sees them. */
  forCaller(caller: Caller): ScmIntegrationController {
    return new ScmIntegrationController(this, { ...caller });
  }

  /** Release work for tenants, in the name of an account. */
  scmService(options: SCMServiceOptions): SCMService {
    return new SCMService(this, { ...options });
  }

  /**
   * Lets no call in any more, waits for those that run, ten seconds at the most, and gives everything
   * back. Closing again is the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      unwrap(await nativeOf.get(this)!.close());
    })();
    return this.#closing;
  }

  /** @internal */
  async call(name: string, caller: Caller, subject: string, args: string): Promise<unknown> {
    const opened = nativeOf.get(this);
    if (opened === undefined) throw ScmError.invalid('services', 'must come from Services.open');
    return unwrap(await opened.call(name, json('caller', caller), subject, args));
  }
}
