export { attachRealtime } from './attach';
export { createSender } from './worker';
export { getSender } from './http/app';
export { redisRevocations } from './handshake/revocation-store';
export { memoryTickets, redisTickets } from './handshake/ticket-stores';
export { senderApi } from './http/sender-api';
export { renewRoute } from './http/renew-route';
export { ticketRoute } from './http/ticket-route';
export { brokerFromUrl } from './cluster/brokers/from-url';
export { localBroker } from './cluster/brokers/local';
export { clientScript } from './http/client-script';
export { defineMessages } from './model/messages';
export { getLoginUser, getLoginUserId, getLoginUserType, getTenantId } from './session/login-helpers';
export { CloseCode } from './model/close-codes';
export { RealtimeError } from './model/errors';
export { MessageError, MESSAGE_ERRORS } from './model/message-errors';
export { RelayError } from './model/receipt';
export type { CloseOptions, Realtime } from './attach';
export type { RealtimeOptions } from './realtime-options';
export type { SenderOptions, WorkerSender } from './worker';
export type { BrokerHealth, ClusterHealth, RealtimeHealth } from './cluster/health';
export type { ClusterCounters } from './cluster/counters';
export type { Authenticate, Middleware, PassportLike, TokenCarrier } from './handshake/handshake';
export type { Broker, BrokerNode, NodeId } from './cluster/brokers/broker';
export type { CloseInfo, Session, SessionSocket } from './session/session';
export type { CloseWhy } from './model/close-why';
export type { DisconnectOptions, Sender, TenantSender } from './model/sender';
export type { ErrorOrigin, OnError } from './session/report';
export type { Except, ExceptEntry, Target } from './model/target';
export type { HandlerOptions, MessageContext, MessageHandler, Registry } from './inbound/registry';
export type { Id, LoginUser, LoginUserInput } from './model/login-user';
export type {
  InboundContent,
  InboundType,
  MessageContract,
  OutboundContent,
  OutboundType,
  Register,
} from './model/messages';
export type { OnEvent, RealtimeEvent } from './model/events';
export type { RealtimeErrorCode } from './model/errors';
export type { MessageErrorBody, MessageErrorCode } from './model/message-errors';
export type { Receipt } from './model/receipt';
export type { RenewHandler, RenewRouteOptions } from './http/renew-route';
export type { RevocationInput, RevokeOptions } from './model/revocation';
export type { RequestId } from './wire/wire';
export type { RequestOptions } from './session/requests';
export type { SenderApiAnswer, SenderApiHandler, SenderApiOptions, SenderApiRequest } from './http/sender-api';
export type { SenderScope } from './http/sender-scope';
export type { SessionLike } from './session/login-helpers';
export type { SessionView } from './session/session-view';
export type { ClientScriptHandler } from './http/client-script';
export type { TicketHandler, TicketRouteOptions } from './http/ticket-route';
export type { TicketRedis } from './handshake/ticket-stores';
export type { RevocationRedis } from './handshake/revocation-store';
export type { RevocationStore } from './model/revocation';
export type { TicketStore } from './model/tickets';
export type { StandardSchema } from './model/standard-schema';
import type { Sender } from './model/sender';

declare global {
  namespace Express {
    /** `app.locals`, and with it `req.app.locals`. */
    interface Locals {
      sender: Sender;
    }
  }
}
