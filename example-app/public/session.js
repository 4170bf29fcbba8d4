/** The login of this tab, and requests that carry it. */

// Per tab, not per browser: two tabs can be two users, which a demo of realtime needs.
const KEY = 'token';
const REASON_KEY = 'signed-out';

/** An answer of the server that is not the wanted one. `status` 0: there was none. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function getToken() {
  return sessionStorage.getItem(KEY) ?? '';
}

export function setToken(token) {
  sessionStorage.setItem(KEY, token);
}

/** Forgets the login and starts the page anew, with nothing of this user left in it. */
export function signOut(reason = '') {
  sessionStorage.removeItem(KEY);
  sessionStorage.setItem(REASON_KEY, reason);
  location.reload();
}

/** Why the last login ended, once. */
export function takeSignOutReason() {
  const reason = sessionStorage.getItem(REASON_KEY) ?? '';
  sessionStorage.removeItem(REASON_KEY);
  return reason;
}

/** Asks the server for JSON; with a body it is a POST. An answer 401 ends the login. */
export async function api(path, body) {
  const headers = getToken() ? { Authorization: `Bearer ${getToken()}` } : {};
  const init =
    body === undefined
      ? { headers }
      : { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(`/api/${path}`, init).catch(() => {
    throw new ApiError(0, 'The server cannot be reached.');
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401 && getToken()) signOut('Your login has ended. Please sign in again.');
  throw new ApiError(response.status, answer.error ?? `The server answered ${response.status}.`);
}

/** For what is asked again after the next reconnect: no server, or no login, is no fault here. */
export function nothingIfAway(error) {
  if (error.status !== 0 && error.status !== 401) throw error;
  return [];
}

/** Whether the server still takes this login; true also when it cannot be asked now. */
export async function isLoginValid() {
  try {
    await api('me');
    return true;
  } catch (error) {
    return error.status !== 401;
  }
}
