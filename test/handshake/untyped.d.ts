/** Packages without types of their own, as far as tests use them. */

declare module 'express4' {
  // Express 5's types say the same where tests touch them.
  export { default } from 'express';
}

declare module 'passport-http-bearer' {
  type Done = (error: unknown, user?: unknown, info?: unknown) => void;
  export class Strategy {
    readonly name: string;
    constructor(verify: (token: string, done: Done) => void);
    authenticate(req: never): void;
  }
}

declare module 'passport-anonymous' {
  export class Strategy {
    readonly name: string;
    authenticate(req: never): void;
  }
}
