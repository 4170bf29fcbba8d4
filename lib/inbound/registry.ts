import type { Id, LoginUser } from '../model/login-user';
import type { InboundContent, InboundType, MessageContract } from '../model/messages';
import type { SchemaOutput, StandardSchema } from '../model/standard-schema';
import type { Session } from '../session/session';
import { ID_WANTED, isId } from '../model/login-user';
import { RealtimeError, describeValue } from '../model/errors';
import { checkType } from '../model/message-type';
import { isStandardSchema } from '../model/standard-schema';

/** What a handler knows beside content and session. */
export interface MessageContext {
  readonly type: string;
  /** Present where the client asks for a reply. */
  readonly id?: string | number;
  /** Aborted when the session ends or `handlerTimeoutMs` is over. */
  readonly signal: AbortSignal;
}

/** Handles one message. Messages of one session are handled one after another; a promise is awaited. */
export type MessageHandler<Content, User extends LoginUser | null = LoginUser> = (
  content: Content,
  session: Session<User>,
  context: MessageContext,
) => unknown;

/** Who may send a type, and what its content looks like. */
export interface HandlerOptions<
  Schema extends StandardSchema | undefined = StandardSchema | undefined,
  User extends LoginUser | null = LoginUser,
> {
  /** Any Standard Schema object (zod, valibot, arktype): validates `content`, and gives it its type. */
  readonly schema?: Schema;
  /** Only users of these types; default: every logged-in user. */
  readonly userTypes?: readonly Id[];
  /** Asked before the handler runs; anything but `true` refuses the message. */
  readonly authorize?: (session: Session<User>, content: unknown) => boolean | Promise<boolean>;
  /** Lets guests in: the handler's session may have no LoginUser. Only where the attach has `anonymous` on. */
  readonly anonymous?: boolean;
}

type ContentOf<Type extends string, Schema> = Schema extends StandardSchema
  ? SchemaOutput<Schema>
  : InboundContent<Type>;

/** Message type → handler. */
export interface Registry {
  /**
   * Registers the handler of a message type. Content is `unknown` unless a schema or a registered contract says more;
   * missing, null or empty content is `null`.
   *
   * @throws RealtimeError `ERR_REALTIME_TYPE` when the type is taken, reserved (`$…`) or no usable string;
   *   `ERR_REALTIME_OPTION` for an unknown or unusable option.
   */
  on<Type extends InboundType>(type: Type, handler: MessageHandler<InboundContent<Type>>): void;
  on<Type extends InboundType, Schema extends StandardSchema | undefined = undefined>(
    type: Type,
    options: HandlerOptions<Schema, LoginUser | null> & { readonly anonymous: true },
    handler: MessageHandler<ContentOf<Type, Schema>, LoginUser | null>,
  ): void;
  on<Type extends InboundType, Schema extends StandardSchema | undefined = undefined>(
    type: Type,
    options: HandlerOptions<Schema> & { readonly anonymous?: false },
    handler: MessageHandler<ContentOf<Type, Schema>>,
  ): void;
  /** Takes a handler away. @returns whether there was one. */
  off(type: InboundType): boolean;
}

/** One row of the registry, checked. */
export interface Registration {
  readonly handler: MessageHandler<unknown, LoginUser | null>;
  readonly schema: StandardSchema | undefined;
  /** User types as strings; `undefined` = all. */
  readonly userTypes: ReadonlySet<string> | undefined;
  readonly authorize:
    ((session: Session<LoginUser | null>, content: unknown) => boolean | Promise<boolean>) | undefined;
  readonly isForGuests: boolean;
}

const OPTION_KEYS: readonly string[] = ['schema', 'userTypes', 'authorize', 'anonymous'];

/** The map behind {@link Registry}: types come from peers, so they are keys of a Map, never of an object. */
export class HandlerMap {
  readonly #rows = new Map<string, Registration>();
  /** The contract's schemas: for handlers that bring none of their own. */
  readonly #schemas: ReadonlyMap<string, StandardSchema> | undefined;

  /** @param contract types that it does not have cannot be registered. */
  constructor(contract?: MessageContract) {
    this.#schemas = contract === undefined ? undefined : new Map(Object.entries(contract.clientToServer));
  }

  find(type: string): Registration | undefined {
    return this.#rows.get(type);
  }

  add(type: unknown, optionsOrHandler: unknown, maybeHandler: unknown): void {
    const name = checkType(type);
    const options = maybeHandler === undefined ? {} : optionsOrHandler;
    const handler = maybeHandler === undefined ? optionsOrHandler : maybeHandler;
    if (typeof handler !== 'function') {
      throw new RealtimeError(
        'ERR_REALTIME_OPTION',
        `the handler of ${name} must be a function, got ${describeValue(handler)}`,
      );
    }
    if (this.#rows.has(name)) {
      throw new RealtimeError('ERR_REALTIME_TYPE', `message type ${name} already has a handler; off() it first`);
    }
    const contracted = this.#schemas?.get(name);
    if (this.#schemas !== undefined && contracted === undefined) {
      throw new RealtimeError('ERR_REALTIME_TYPE', `message type ${name} is not in clientToServer of the contract`);
    }
    const checked = checkOptions(name, options);
    // The public signature ties the handler to its content and session types; inside it is called with what was checked.
    this.#rows.set(name, {
      ...checked,
      handler: handler as Registration['handler'],
      schema: checked.schema ?? contracted,
    });
  }

  remove(type: string): boolean {
    return this.#rows.delete(type);
  }
}

/** The public face of a {@link HandlerMap}; its methods are bound, so that destructuring works. */
export function registryOf(map: HandlerMap): Registry {
  return {
    on: (type: string, optionsOrHandler: unknown, handler?: unknown) => map.add(type, optionsOrHandler, handler),
    off: (type: string) => map.remove(type),
  };
}

function checkOptions(type: string, options: unknown): Omit<Registration, 'handler'> {
  if (typeof options !== 'object' || options === null) {
    fail(type, `options must be an object, got ${describeValue(options)}`);
  }
  const unknownKey = Object.keys(options).find((key) => !OPTION_KEYS.includes(key));
  if (unknownKey !== undefined) fail(type, `unknown option ${unknownKey}; known: ${OPTION_KEYS.join(', ')}`);
  const { schema, userTypes, authorize, anonymous } = options as Readonly<Record<string, unknown>>;
  if (schema !== undefined && !isStandardSchema(schema)) {
    fail(type, `schema must be a Standard Schema object (zod, valibot, arktype …), got ${describeValue(schema)}`);
  }
  if (userTypes !== undefined && !(Array.isArray(userTypes) && userTypes.every(isId))) {
    fail(type, `userTypes must be an array of user types, each a ${ID_WANTED}`);
  }
  if (authorize !== undefined && typeof authorize !== 'function') {
    fail(type, `authorize must be a function, got ${describeValue(authorize)}`);
  }
  if (anonymous !== undefined && typeof anonymous !== 'boolean') {
    fail(type, `anonymous must be true or false, got ${describeValue(anonymous)}`);
  }
  return {
    schema,
    userTypes: userTypes === undefined ? undefined : new Set(userTypes.map(String)),
    // A function by the check above; its arguments are what the public type promises.
    authorize: authorize as Registration['authorize'],
    isForGuests: anonymous === true,
  };
}

function fail(type: string, message: string): never {
  throw new RealtimeError('ERR_REALTIME_OPTION', `registry.on('${type}'): ${message}`);
}
