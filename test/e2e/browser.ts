import type { Browser, BrowserContext, LaunchOptions, Page } from 'playwright-core';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts Chromium. Without one the calling suite is skipped, aloud; where `CI` is set it fails instead, for there a
 * skipped suite would look like a passed one.
 */
export async function launchOrSkip(test: Mocha.Context, options: LaunchOptions = {}): Promise<Browser> {
  if (existsSync(EXECUTABLE)) return chromium.launch({ ...options, executablePath: EXECUTABLE, args: ARGS });
  const hint = `no Chromium at ${EXECUTABLE}: apt-get install chromium, or name another one in CHROMIUM`;
  if (process.env.CI) throw new Error(hint);
  console.warn(`      browser tests are skipped: ${hint}`);
  return test.skip();
}

/** A user with a browser of their own: no storage, cookie or socket is shared with others. */
export interface Visitor {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page complained about: errors thrown, and breaches of its security policy. */
  readonly faults: string[];
}

/** How a visitor comes. */
export interface VisitOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
  /** A login that the tab has already. */
  readonly token?: string;
}

/** Opens a page for one user. */
export async function visit(browser: Browser, url: string, options: VisitOptions = {}): Promise<Visitor> {
  const { token, ...look } = options;
  const context = await browser.newContext({ locale: 'en-GB', ...look });
  context.setDefaultTimeout(15_000);
  if (token !== undefined) await context.addInitScript(`sessionStorage.setItem('token', '${token}')`);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Trusted/.test(message.text())) faults.push(message.text());
  });
  await page.goto(url);
  return { context, page, faults };
}
