import type { Browser, Page } from 'playwright-core';
import { expect } from 'chai';
import request from 'supertest';
import { ExampleServer } from './example-server';
import type { VisitOptions, Visitor } from './browser';
import { launchOrSkip, visit } from './browser';

const PHONE = { width: 375, height: 740 };

describe('example app in a browser', function () {
  this.timeout(60_000);
  const visitors: Visitor[] = [];
  let browser: Browser | undefined;
  let server: ExampleServer;

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
    await server.remove();
    expect(faults).to.deep.equal([]);
  });

  async function arrive(options?: VisitOptions): Promise<Page> {
    if (!browser) throw new Error('no browser');
    const visitor = await visit(browser, server.url, options);
    visitors.push(visitor);
    return visitor.page;
  }

  /** A tab of a user who is logged in already, once its socket is open. */
  async function signIn(name: string, options?: VisitOptions): Promise<Page> {
    const username = name.split(' ', 1).join('').toLowerCase();
    const login = { username, password: `${username}-demo` };
    const { body } = await request(server.url).post('/api/login').send(login).expect(200);
    const page = await arrive({ ...options, token: body.token });
    await connected(page);
    return page;
  }

  /** As a visitor of the demo does it: one click on the login page. */
  async function clickUser(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name }).click();
    await connected(page);
  }

  const connected = (page: Page) => page.locator('.who [data-status="open"]').waitFor();
  const open = (page: Page, name: string) => page.getByRole('link', { name }).click();
  const entry = (page: Page, text: string) => page.locator('.entry').filter({ hasText: text });
  const bubble = (page: Page, text: string) => page.locator('.bubble:not(.unsent)').filter({ hasText: text });
  const badgeOf = (page: Page, name: string) => page.getByRole('link', { name }).locator('.badge');

  async function chat(page: Page, text: string, to = 'Everyone'): Promise<void> {
    const option = page.locator('#receiver option').filter({ hasText: to });
    await option.waitFor({ state: 'attached' });
    await page.locator('#receiver').selectOption((await option.getAttribute('value')) ?? '');
    await page.locator('#text').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
  }

  async function write(page: Page, text: string): Promise<void> {
    await page.getByRole('textbox', { name: 'Message' }).fill(text);
    await page.keyboard.press('Enter');
    await bubble(page, text).waitFor();
  }

  async function draft(page: Page, title: string): Promise<void> {
    await page.getByLabel('Title').fill(title);
    await page.getByLabel('Text').fill('What it is about.');
    await page.getByRole('button', { name: 'Save draft' }).click();
    await page.getByRole('button', { name: `Push ${title}` }).waitFor();
  }

  describe('login', () => {
    it('says that a password is wrong, and takes the right one', async () => {
      const page = await arrive();
      await page.getByLabel('User name').fill('ada');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('User name or password is wrong.').waitFor();
      await page.getByLabel('Password').fill('ada-demo');
      await page.keyboard.press('Enter');
      await connected(page);
      await page.reload();
      await connected(page);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'Demo users' }).waitFor();
    });

    it('puts the token in no address', async () => {
      const page = await arrive();
      const urls: string[] = [];
      page.on('websocket', (socket) => urls.push(socket.url()));
      await clickUser(page, 'Ada Berg');
      expect(urls).to.deep.equal([`${server.url.replace('http', 'ws')}/ws`]);
      expect(page.url()).not.to.contain('token');
    });

    it('stops for good when the server does not know the login any more, and says why', async () => {
      const page = await arrive();
      await clickUser(page, 'Ada Berg');
      await server.stop();
      await server.start('another secret');
      await page.getByText('Your login has ended. Please sign in again.').waitFor();
      const tries: string[] = [];
      page.on('websocket', (socket) => tries.push(socket.url()));
      await clickUser(page, 'Ada Berg');
      expect(tries).to.have.length(1);
    });

    it('shows the login page after the server has removed a session', async () => {
      const page = await arrive();
      await clickUser(page, 'Ada Berg');
      await server.app.realtime.disconnect({ userId: 1, userType: 2, tenantId: 1 });
      await page.getByText('The server ended this session.').waitFor();
    });
  });

  describe('WebSocket test page', () => {
    it('carries a single message to one user and the own log, marked with direction', async () => {
      const [ada, mia, max] = [await signIn('Ada Berg'), await signIn('Mia Sato'), await signIn('Max Lind')];
      await chat(mia, 'only for Ada', 'Ada Berg');
      await mia.getByText('Reached 1 here.').waitFor();
      const got = entry(ada, 'only for Ada');
      await got.getByText('Mia Sato → you').waitFor();
      expect(await got.innerText()).to.match(/Received\s+Single/);
      expect(await entry(mia, 'only for Ada').innerText()).to.match(/Sent\s+Single\s+You → Ada Berg/);
      await chat(mia, 'for all');
      await entry(max, 'for all').waitFor();
      expect(await entry(max, 'only for Ada').count()).to.equal(0);
    });

    it('carries a group message to everyone, and two equal ones as two', async () => {
      const [ada, mia] = [await signIn('Ada Berg'), await signIn('Mia Sato')];
      await chat(ada, 'same');
      await chat(ada, 'same');
      await entry(mia, 'same').nth(1).waitFor();
      expect(await entry(mia, 'same').first().innerText()).to.match(/Received\s+Group\s+Ada Berg → everyone/);
      expect(await entry(ada, 'same').count()).to.equal(2);
    });

    it('lists who is online, and only of the own tenant', async () => {
      const [ada, bea] = [await signIn('Ada Berg'), await signIn('Bea Costa')];
      const mia = await signIn('Mia Sato');
      const option = ada.locator('#receiver option');
      await option.filter({ hasText: 'Mia Sato' }).waitFor({ state: 'attached' });
      expect(await option.allInnerTexts()).to.deep.equal(['Everyone', 'Ada Berg (you)', 'Mia Sato (member)']);
      await mia.close();
      await option.filter({ hasText: 'Mia Sato' }).waitFor({ state: 'detached' });
      expect(await bea.locator('#receiver option').allInnerTexts()).to.deep.equal(['Everyone', 'Bea Costa (you)']);
    });

    it('shows nothing of another tenant: chat, notices, customer service', async () => {
      const [ada, bea] = [await signIn('Ada Berg'), await signIn('Bea Costa')];
      await chat(ada, 'books only');
      await entry(ada, 'books only').waitFor();
      await open(ada, 'Notices');
      await draft(ada, 'Books notice');
      await ada.getByRole('button', { name: 'Push Books notice' }).click();
      await ada.getByText('reached 1 here').first().waitFor();
      const mia = await signIn('Mia Sato');
      await open(mia, 'Customer service');
      await write(mia, 'books question');
      await badgeOf(ada, 'Customer service').waitFor();
      await chat(bea, 'bikes');
      await entry(bea, 'bikes').waitFor();
      expect(await bea.getByText(/books/i).count()).to.equal(0);
      expect(await bea.locator('.badge, .toast').count()).to.equal(0);
    });

    it('disconnects and connects by hand, and keeps what was typed', async () => {
      const page = await signIn('Ada Berg');
      await page.locator('#text').fill('not yet');
      await page.getByRole('button', { name: 'Disconnect' }).click();
      await page.locator('.pill[data-status="closed"]').waitFor();
      expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).to.equal(true);
      await page.getByRole('button', { name: 'Connect', exact: true }).click();
      await connected(page);
      await page.getByRole('button', { name: 'Send' }).click();
      await entry(page, 'not yet').waitFor();
    });
  });

  describe('notices', () => {
    it('pushed by an admin appear at once in other tabs, with an unread badge that goes when they are read', async () => {
      const [ada, mia] = [await signIn('Ada Berg'), await signIn('Mia Sato')];
      await open(ada, 'Notices');
      await draft(ada, 'Closed on Monday');
      await ada.getByRole('button', { name: 'Push Closed on Monday' }).click();
      await ada.locator('.notice').getByText('reached 2 here').waitFor();

      await mia.locator('.toast').filter({ hasText: 'Closed on Monday' }).waitFor();
      expect(await badgeOf(mia, 'Notices').innerText()).to.contain('1');
      expect(await mia.title()).to.contain('(1)');
      await open(mia, 'Notices');
      await mia.locator('.notice').filter({ hasText: 'Closed on Monday' }).getByText('New').waitFor();
      await badgeOf(mia, 'Notices').waitFor({ state: 'detached' });
      await mia.reload();
      await mia.getByRole('heading', { name: 'Closed on Monday' }).waitFor();
      expect(await badgeOf(mia, 'Notices').count()).to.equal(0);
    });

    it('cannot be written by members: no form, no button', async () => {
      const mia = await signIn('Mia Sato');
      await open(mia, 'Notices');
      await mia.getByText('No notices yet.').waitFor();
      expect(await mia.getByRole('button', { name: /push|save/i }).count()).to.equal(0);
    });
  });

  describe('customer service', () => {
    it('goes both ways; all admins see it, and who wrote sees when it was read', async () => {
      const [mia, ada, amos] = [await signIn('Mia Sato'), await signIn('Ada Berg'), await signIn('Amos Reed')];
      await open(mia, 'Customer service');
      await write(mia, 'Where is my parcel?');
      await bubble(mia, 'Where is my parcel?').getByText('Sent').waitFor();
      for (const admin of [ada, amos]) {
        await admin.locator('.toast').filter({ hasText: 'Where is my parcel?' }).waitFor();
        expect(await badgeOf(admin, 'Customer service').innerText()).to.contain('1');
      }

      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(mia, 'Where is my parcel?').getByText('Read').waitFor();
      await badgeOf(amos, 'Customer service').waitFor({ state: 'detached' });

      await write(ada, 'On its way.');
      await bubble(mia, 'On its way.').getByText('Ada Berg').waitFor();
      await bubble(ada, 'On its way.').getByText('Read').waitFor();
      await open(amos, 'Customer service');
      await amos.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(amos, 'On its way.').getByText('Read').waitFor();
    });

    it('does not count as read what nobody looks at', async () => {
      const [mia, ada] = [await signIn('Mia Sato'), await signIn('Ada Berg')];
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await open(ada, 'Notices');
      await open(mia, 'Customer service');
      await write(mia, 'Anybody there?');
      await badgeOf(ada, 'Customer service').waitFor();
      expect(await bubble(mia, 'Anybody there?').getByText('Sent').count()).to.equal(1);
      await open(ada, 'Customer service');
      await bubble(mia, 'Anybody there?').getByText('Read').waitFor();
    });

    it('has its history after a refresh, read marks included', async () => {
      const [mia, ada] = [await signIn('Mia Sato'), await signIn('Ada Berg')];
      await open(mia, 'Customer service');
      await write(mia, 'One question');
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(mia, 'One question').getByText('Read').waitFor();
      await mia.reload();
      await bubble(mia, 'One question').getByText('Read').waitFor();
    });

    it('survives a restart: clients come back by themselves and catch up, what was typed meanwhile is sent once', async () => {
      const [mia, ada] = [await signIn('Mia Sato'), await signIn('Ada Berg')];
      await open(mia, 'Customer service');
      await write(mia, 'Before');
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(ada, 'Before').waitFor();

      await server.stop();
      await mia.locator('.who [data-status="waiting"], .who [data-status="connecting"]').waitFor();
      await mia.getByRole('textbox', { name: 'Message' }).fill('During');
      await mia.keyboard.press('Enter');
      await mia.locator('.unsent').getByText('Not sent.').waitFor();
      await server.start();
      await Promise.all([mia, ada].map(connected));
      await bubble(mia, 'During').waitFor();
      await bubble(ada, 'During').waitFor();
      await bubble(mia, 'Before').getByText('Read').waitFor();
      expect(await bubble(ada, 'During').count()).to.equal(1);
    });

    it('fetches after a reconnect what was pushed while the tab was away', async () => {
      const [mia, ada] = [await signIn('Mia Sato'), await signIn('Ada Berg')];
      await open(mia, 'Customer service');
      await write(mia, 'Hello');
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(ada, 'Hello').waitFor();
      await open(ada, 'WebSocket test');
      await ada.getByRole('button', { name: 'Disconnect' }).click();
      await ada.locator('.pill[data-status="closed"]').waitFor();
      await write(mia, 'Missed by Ada');
      await ada.getByRole('button', { name: 'Connect', exact: true }).click();
      await badgeOf(ada, 'Customer service').filter({ hasText: '1' }).waitFor();
      await open(ada, 'Customer service');
      await bubble(ada, 'Missed by Ada').waitFor();
    });
  });

  describe('looks', () => {
    const widthOver = (page: Page) =>
      page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

    it('fits a phone: no page scrolls sideways, even with long words', async () => {
      const page = await arrive({ viewport: PHONE });
      await page.getByRole('button', { name: 'Ada Berg' }).waitFor();
      expect(await widthOver(page), 'login').to.equal(0);
      const mia = await signIn('Mia Sato', { viewport: PHONE });
      const ada = await signIn('Ada Berg', { viewport: { width: 320, height: 640 } });
      const word = 'W'.repeat(200);
      await chat(mia, word);
      await entry(ada, word).waitFor();
      await open(mia, 'Customer service');
      await write(mia, word);
      for (const page of [ada, mia]) expect(await widthOver(page)).to.equal(0);
      await open(ada, 'Notices');
      await draft(ada, word.slice(0, 100));
      expect(await widthOver(ada), 'notices').to.equal(0);
      await open(ada, 'Customer service');
      expect(await widthOver(ada), 'conversations').to.equal(0);
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(ada, word).waitFor();
      expect(await widthOver(ada), 'thread').to.equal(0);
      await ada.getByRole('button', { name: 'All conversations' }).click();
      await ada.getByRole('button', { name: 'Mia Sato' }).waitFor();
    });

    it('is dark where the user wants it dark, and readable in both', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await signIn('Ada Berg', { colorScheme });
        const [ground, text] = await page.evaluate<string[]>(
          '[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]',
        );
        const isDark = redOf(ground) < redOf(text);
        expect(isDark, colorScheme).to.equal(colorScheme === 'dark');
        expect(await faintTexts(page), colorScheme).to.deep.equal([]);
      }
    });

    it('names every control, and can be used with the keyboard alone', async () => {
      const ada = await signIn('Ada Berg');
      for (const name of ['WebSocket test', 'Notices', 'Customer service']) {
        await open(ada, name);
        const controls = await ada.locator('button, input, select, textarea, a').all();
        for (const control of controls) {
          const snapshot = await control.ariaSnapshot();
          expect(snapshot, `${name}: ${await control.evaluate((element) => element.outerHTML)}`).to.match(/"[^"]+"/);
        }
      }
      await ada.locator('a.tab').first().focus();
      await ada.keyboard.press('Enter');
      await ada.locator('#text').focus();
      await ada.keyboard.type('typed');
      await ada.keyboard.press('Enter');
      await entry(ada, 'typed').waitFor();
    });
  });
});

/** All our greys have about as much red as green and blue. */
function redOf(color: string | undefined): number {
  return Number(/\d+/.exec(color ?? '')?.[0]);
}

/** Texts whose contrast with what is behind them is below WCAG AA (4.5). */
function faintTexts(page: Page): Promise<string[]> {
  // In the page's own language: tsx would add helpers to a function that the page does not have.
  return page.evaluate(`(() => {
    const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const color = rgb(getComputedStyle(each).backgroundColor);
        if (color.length < 4 || color[3] > 0) return color;
      }
    };
    const faint = [];
    for (const element of document.querySelectorAll('body *')) {
      if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
      if (element.closest('.visually-hidden, .skip, :disabled, option')) continue;
      const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
      const contrast = (a + 0.05) / (b + 0.05);
      if (contrast < 4.5) faint.push(element.className + ' ' + element.textContent + ': ' + contrast.toFixed(2));
    }
    return faint;
  })()`);
}
