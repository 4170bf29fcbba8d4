import type { ClientOptions } from './options';
import type { LineEnd } from './line';

/** The token to show (none where a cookie does the login), or why there is no use in trying. */
export type LoginAnswer = { readonly token: string | undefined } | { readonly end: LineEnd };

/** The close code of a login that ended or was refused. */
export const LOGIN_ENDED = 4401;

/** Asks for tokens, and remembers which one the server refused. */
export class Login {
  readonly #giveToken: ClientOptions['token'];
  #shown: string | undefined;
  #refused: { readonly token: string | undefined; readonly end: LineEnd } | undefined;

  constructor(giveToken: ClientOptions['token']) {
    this.#giveToken = giveToken;
  }

  /** Rejects with what `token` threw. */
  async ask(): Promise<LoginAnswer> {
    if (this.#giveToken === undefined) return { token: undefined };
    const token = (await this.#giveToken()) ?? '';
    if (token === '') return { end: { code: LOGIN_ENDED, reason: 'nobody is logged in' } };
    if (token === this.#refused?.token) return { end: this.#refused.end };
    this.#shown = token;
    return { token };
  }

  /** A token was good: the next refusal is a first one again. */
  handleOpen(): void {
    this.#refused = undefined;
  }

  /**
   * The login ended: its token may just have been replaced.
   *
   * @returns whether to ask for another one; not after a second refusal without a connection in between.
   */
  handleRefused(end: LineEnd): boolean {
    if (this.#giveToken === undefined || this.#refused !== undefined) return false;
    this.#refused = { token: this.#shown, end };
    return true;
  }
}
