import { RealtimeError, describeValue } from './errors';
import { checkType } from './message-type';
import { isStandardSchema } from './standard-schema';
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

/** The registered contract, or `undefined` where the application registered none. */
export type RegisteredMessages = [Registered] extends [never] ? undefined : Registered;

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

/**
 * Makes the contract of an application's messages: one object that types the registry, the sender and the client, and
 * validates what comes in; in development also what goes out. Give it as option `messages` and name it in
 * {@link Register}.
 */
export function defineMessages<const Contract extends MessageContract>(contract: Contract): Contract {
  for (const direction of ['clientToServer', 'serverToClient'] as const) {
    for (const [type, schema] of Object.entries(contract[direction])) {
      checkType(type);
      if (isStandardSchema(schema)) continue;
      throw new RealtimeError(
        'ERR_REALTIME_OPTION',
        `${direction}.${type} must be a Standard Schema object (zod, valibot, arktype …), got ${describeValue(schema)}`,
      );
    }
  }
  return contract;
}
