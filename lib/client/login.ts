import type { ClientOptions } from './options';
import type { LineEnd } from './line';

/** The token to show (none where a cookie does the login), or why there is no use in trying. */
export type LoginAnswer = { readonly token: string | undefined } | { readonly end: LineEnd };

/** Asks for tokens, and remembers which one the server refused. */
export interface Login {
  /** Rejects with what `token` threw. */
  ask(): Promise<LoginAnswer>;
  /** A token was good: the next refusal is a first one again. */
  handleOpen(): void;
  /**
   * The login ended: its token may just have been replaced.
   *
   * @returns whether to ask for another one; not after a second refusal without a connection in between.
   */
  handleRefused(end: LineEnd): boolean;
}

/** The close code of a login that ended or was refused. */
export const LOGIN_ENDED = 4401;

/** Makes the login of one client; state in a closure, since private fields cost the bundle more. */
export function createLogin(giveToken: ClientOptions['token']): Login {
  let shown: string | undefined;
  let refused: { readonly token: string | undefined; readonly end: LineEnd } | undefined;
  return {
    async ask() {
      if (giveToken === undefined) return { token: undefined };
      const token = (await giveToken()) ?? '';
      if (token === '') return { end: { code: LOGIN_ENDED, reason: 'nobody is logged in' } };
      if (token === refused?.token) return { end: refused.end };
      shown = token;
      return { token };
    },
    handleOpen() {
      refused = undefined;
    },
    handleRefused(end) {
      if (giveToken === undefined || refused !== undefined) return false;
      refused = { token: shown, end };
      return true;
    },
  };
}
