import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema';

/**
 * Names the application's message contract for the types of the whole package. Empty until the application adds to it:
 *
 * ```ts
 * declare module 'express-realtime' { interface Register { messages: typeof messages } }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled in by the application
export interface Register {}

/** Message types with their schemas, in both directions. */
export interface MessageContract {
  readonly clientToServer: Readonly<Record<string, StandardSchema>>;
  readonly serverToClient: Readonly<Record<string, StandardSchema>>;
}

/** The registered contract, or `never` where the application registered none. */
type Registered = Register extends { readonly messages: infer Messages extends MessageContract } ? Messages : never;

/** Whether the application registered a contract. */
type IsRegistered = [Registered] extends [never] ? false : true;

/** The types of messages that clients may send. */
export type InboundType = IsRegistered extends true ? Extract<keyof Registered['clientToServer'], string> : string;

/** The types of messages that the server may push. */
export type OutboundType = IsRegistered extends true ? Extract<keyof Registered['serverToClient'], string> : string;

/** What a handler of a type gets as content, after its schema. */
export type InboundContent<Type extends string> = IsRegistered extends true
  ? Type extends keyof Registered['clientToServer']
    ? SchemaOutput<Registered['clientToServer'][Type]>
    : unknown
  : unknown;

/** What may be pushed under a type. */
export type OutboundContent<Type extends string> = IsRegistered extends true
  ? Type extends keyof Registered['serverToClient']
    ? SchemaInput<Registered['serverToClient'][Type]>
    : unknown
  : unknown;
