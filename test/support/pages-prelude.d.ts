/** Names that stand for what a reader of a page has by now; a block that makes its own is not disturbed. */
import type { Express, RequestHandler } from 'express';
import type { Server } from 'node:http';
import type { Broker, LoginUser, Realtime, Registry, Sender, Session } from 'express-realtime';
import type { PassportStatic } from 'passport';

declare global {
  const app: Express;
  const server: Server;
  const passport: PassportStatic;
  /** The login middleware of the app. */
  const login: RequestHandler;
  const realtime: Realtime;
  const registry: Registry;
  const sender: Sender;
  const session: Session<LoginUser>;
  const broker: Broker;
}
