import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database as Sqlite } from 'node-sqlite3-wasm';
import type { JSValue } from 'node-sqlite3-wasm';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    pushed_at INTEGER,
    push_number INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX IF NOT EXISTS notices_of_tenant ON notices (tenant_id, push_number);

  CREATE TABLE IF NOT EXISTS notice_reads (
    tenant_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    up_to INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
  );

  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    sender_type INTEGER NOT NULL,
    sender_name TEXT NOT NULL,
    content TEXT NOT NULL,
    client_message_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant_id, sender_id, client_message_id)
  );
  CREATE INDEX IF NOT EXISTS messages_of_conversation ON messages (tenant_id, conversation_id, id);

  CREATE TABLE IF NOT EXISTS message_reads (
    tenant_id INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    reader_type INTEGER NOT NULL,
    up_to INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, reader_type)
  );
`;

const BUSY_TIMEOUT_MS = 3000;

/** The app's database: one SQLite file, which several processes may share. */
export class Database {
  readonly #file: string;
  readonly #sqlite: Sqlite;

  /** Opens the file; makes it, its folder and its tables where they are missing. */
  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true });
    this.#file = file;
    this.#sqlite = new Sqlite(file);
    this.#sqlite.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    this.#withLock(() => this.#sqlite.exec(SCHEMA));
  }

  all<Row>(sql: string, ...values: JSValue[]): Row[] {
    // The row type is what the statement selects.
    return this.#withLock(() => this.#sqlite.all(sql, values)) as Row[];
  }

  get<Row>(sql: string, ...values: JSValue[]): Row | undefined {
    return this.all<Row>(sql, ...values)[0];
  }

  /** Runs one statement in a transaction of its own. */
  run(sql: string, ...values: JSValue[]): { readonly changes: number; readonly id: number } {
    const { changes, lastInsertRowid } = this.#withLock(() => this.#sqlite.run(sql, values));
    return { changes, id: Number(lastInsertRowid) };
  }

  close(): void {
    this.#sqlite.close();
  }

  /**
   * The lock of this SQLite build is a folder beside the file, held for some milliseconds. A process that was killed
   * inside them leaves it behind: nobody gets in until it is taken away.
   */
  #withLock<Result>(work: () => Result): Result {
    this.#dropDeadLock();
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error && error.message === 'database is locked' && this.#dropDeadLock())) throw error;
      return work();
    }
  }

  #dropDeadLock(): boolean {
    const lock = `${this.#file}.lock`;
    const heldSinceMs = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - heldSinceMs < BUSY_TIMEOUT_MS) return false;
    rmSync(lock, { recursive: true, force: true });
    return true;
  }
}
