import type { LoginUser, LoginUserInput } from '../model/login-user';
import { LoginUserError, checkLoginUser } from '../model/login-user';
import { RealtimeError } from '../model/errors';

/**
 * Checks what `authorize` of a route gave, where the mistake is made; whether there must be a tenant is the attach's to
 * say.
 *
 * @throws RealtimeError `ERR_REALTIME_LOGIN_USER`, naming the route.
 */
export function checkRouteLogin(input: LoginUserInput, route: string): LoginUser {
  const hasTenant = input.tenantId !== undefined && input.tenantId !== null && input.tenantId !== '';
  try {
    return checkLoginUser(input, hasTenant);
  } catch (error) {
    if (!(error instanceof LoginUserError)) throw error;
    throw routeLoginError(error.message, route);
  }
}

/** The error of a login that a route cannot use. */
export function routeLoginError(message: string, route: string): RealtimeError {
  return new RealtimeError('ERR_REALTIME_LOGIN_USER', `${message}; authorize of ${route} must return it`);
}
