/**
 * The SCM integration service inside a Node process.
 *
 * @packageDocumentation
 */
export { ScmIntegrationController } from './controller';
export { ScmError, type FieldError } from './error';
export { SCMService, type SCMServiceOptions } from './scm-service';
export { scmRouter, type RoutedRequest, type ScmRouter, type ScmRouterOptions } from './router';
export { Secret } from './secret';
export { Services } from './services';
export * from './types';
