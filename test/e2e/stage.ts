import type { Browser, Page } from 'playwright-core';
import { expect } from 'chai';
import request from 'supertest';
import { ExampleServer } from './example-server';
import type { VisitOptions, Visitor } from './browser';
import { launchOrSkip, visit } from './browser';

/** The example app with a browser before it; each test gets a fresh server and database. */
export interface Stage {
  readonly server: ExampleServer;
  /** A new tab, with nobody logged in. */
  arrive(options?: VisitOptions): Promise<Page>;
  /** A tab of a user who is logged in already, once its socket is open. */
  signIn(name: string, options?: VisitOptions): Promise<Page>;
}

/** Sets a stage up for the tests of the describe block that calls it. A fault of a page fails the test. */
export function openStage(): Stage {
  const visitors: Visitor[] = [];
  let browser: Browser | undefined;
  let server: ExampleServer | undefined;

  before(async function () {
    browser = await launchOrSkip(this);
  });

  after(() => browser?.close());

  beforeEach(async () => {
    server = await new ExampleServer().start();
  });

  afterEach(async () => {
    const faults = visitors.flatMap((visitor) => visitor.faults);
    await Promise.all(visitors.splice(0).map(({ context }) => context.close()));
    await server?.remove();
    expect(faults).to.deep.equal([]);
  });

  const stage: Stage = {
    get server() {
      if (!server) throw new Error('the server starts before each test');
      return server;
    },

    async arrive(options) {
      if (!browser) throw new Error('the browser starts before the tests');
      const visitor = await visit(browser, stage.server.url, options);
      visitors.push(visitor);
      return visitor.page;
    },

    async signIn(name, options) {
      const username = name.split(' ', 1).join('').toLowerCase();
      const login = { username, password: `${username}-demo` };
      const { body } = await request(stage.server.url).post('/api/login').send(login).expect(200);
      const page = await stage.arrive({ ...options, token: body.token });
      await connected(page);
      return page;
    },
  };
  return stage;
}

/** As a visitor of the demo does it: one click on the login page. */
export async function clickUser(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  await connected(page);
}

/** Waits until the socket of a page is open. */
export const connected = (page: Page) => page.locator('.who [data-status="open"]').waitFor();

/** Goes to a page of the app. */
export const open = (page: Page, name: string) => page.getByRole('link', { name }).click();

/** The unread badge of a page of the app. */
export const badgeOf = (page: Page, name: string) => page.getByRole('link', { name }).locator('.badge');

/** A line of the message log. */
export const entry = (page: Page, text: string) => page.locator('.entry').filter({ hasText: text });

/** A stored message of customer service. */
export const bubble = (page: Page, text: string) => page.locator('.bubble:not(.unsent)').filter({ hasText: text });

/** Sends a chat message, once the receiver is there to be chosen. */
export async function chat(page: Page, text: string, to = 'Everyone'): Promise<void> {
  const option = page.locator('#receiver option').filter({ hasText: to });
  await option.waitFor({ state: 'attached' });
  await page.locator('#receiver').selectOption((await option.getAttribute('value')) ?? '');
  await page.locator('#text').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Writes a message in customer service, and waits until it is stored. */
export async function write(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
  await bubble(page, text).waitFor();
}

/** Saves the draft of a notice. */
export async function draft(page: Page, title: string): Promise<void> {
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Text').fill('What it is about.');
  await page.getByRole('button', { name: 'Save draft' }).click();
  await page.getByRole('button', { name: `Push ${title}` }).waitFor();
}
