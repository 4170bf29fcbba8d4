import type { ClientRequestOptions } from './requests';
import type { LineEnd } from './line';
import type { MessageContract } from '../model/messages';
import type { SchemaInput } from '../model/standard-schema';

/** `waiting` = between two tries; `closed` = for good, see {@link StatusChange.end}. */
export type ClientStatus = 'connecting' | 'open' | 'waiting' | 'closed';

/** A change of the status. */
export interface StatusChange {
  readonly status: ClientStatus;
  /** How the last connection ended. */
  readonly end?: LineEnd;
  /** With `waiting`: in how many milliseconds the next try begins. */
  readonly retryInMs?: number;
}

type Inbound<Contract> = Contract extends MessageContract ? Extract<keyof Contract['serverToClient'], string> : string;
type Outbound<Contract> = Contract extends MessageContract ? Extract<keyof Contract['clientToServer'], string> : string;
/** What the server sends is what its schema takes: nothing is validated, filled in or converted here. */
type InboundOf<Contract, Type> = Contract extends MessageContract
  ? Type extends keyof Contract['serverToClient']
    ? SchemaInput<Contract['serverToClient'][Type]>
    : unknown
  : unknown;
type OutboundOf<Contract, Type> = Contract extends MessageContract
  ? Type extends keyof Contract['clientToServer']
    ? SchemaInput<Contract['clientToServer'][Type]>
    : unknown
  : unknown;

/** A connection that heals itself. */
export interface RealtimeClient<Contract = undefined> {
  readonly status: ClientStatus;
  /** The id of the session on the server; `undefined` while there is none. */
  readonly sessionId: string | undefined;
  /**
   * Listens to a type; several listeners are called in their order. Where the server asks, what the first one returns
   * is the reply, and what it throws the refusal.
   *
   * @returns the way to stop listening.
   */
  on<Type extends Inbound<Contract>>(type: Type, listener: (content: InboundOf<Contract, Type>) => unknown): () => void;
  /** Listens to changes of the status. @returns the way to stop listening. */
  onStatus(listener: (change: StatusChange) => void): () => void;
  /**
   * Sends a message.
   *
   * @returns whether it was sent or kept; `false` only where `offline` is `drop`.
   * @throws ClientError `offline` where `offline` is `reject`; `queue_full`; `closed`.
   */
  send<Type extends Outbound<Contract>>(type: Type, content: OutboundOf<Contract, Type>): boolean;
  /**
   * Asks the server.
   *
   * @returns what the handler returned.
   * @throws ClientError rejects with the server's code, or `timeout`, `aborted`, `disconnected`, `offline`, `queue_full`, `closed`.
   */
  request<Type extends Outbound<Contract>>(
    type: Type,
    content: OutboundOf<Contract, Type>,
    options?: ClientRequestOptions,
  ): Promise<unknown>;
  /** Closes for good; idempotent. */
  close(): void;
}
