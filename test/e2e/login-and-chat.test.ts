import { expect } from 'chai';
import { badgeOf, chat, clickUser, connected, draft, entry, open, openStage, write } from './stage';

describe('example app in a browser: login and chat', function () {
  this.timeout(60_000);
  const stage = openStage();

  describe('login', () => {
    it('says that a password is wrong, and takes the right one', async () => {
      const page = await stage.arrive();
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
      const page = await stage.arrive();
      const urls: string[] = [];
      page.on('websocket', (socket) => urls.push(socket.url()));
      await clickUser(page, 'Ada Berg');
      expect(urls).to.deep.equal([`${stage.server.url.replace('http', 'ws')}/ws`]);
      expect(page.url()).not.to.contain('token');
    });

    it('stops for good when the server does not know the login any more, and says why', async () => {
      const page = await stage.arrive();
      await clickUser(page, 'Ada Berg');
      await stage.server.stop();
      await stage.server.start('another secret');
      await page.getByText('Your login has ended. Please sign in again.').waitFor();
      const tries: string[] = [];
      page.on('websocket', (socket) => tries.push(socket.url()));
      await clickUser(page, 'Ada Berg');
      expect(tries).to.have.length(1);
    });

    it('shows the login page after the server has removed a session', async () => {
      const page = await stage.arrive();
      await clickUser(page, 'Ada Berg');
      await stage.server.app.realtime.disconnect({ userId: 1, userType: 2, tenantId: 1 });
      await page.getByText('The server ended this session.').waitFor();
    });
  });

  describe('WebSocket test page', () => {
    it('carries a single message to one user and the own log, marked with direction', async () => {
      const [ada, mia, max] = [
        await stage.signIn('Ada Berg'),
        await stage.signIn('Mia Sato'),
        await stage.signIn('Max Lind'),
      ];
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
      const [ada, mia] = [await stage.signIn('Ada Berg'), await stage.signIn('Mia Sato')];
      await chat(ada, 'same');
      await chat(ada, 'same');
      await entry(mia, 'same').nth(1).waitFor();
      expect(await entry(mia, 'same').first().innerText()).to.match(/Received\s+Group\s+Ada Berg → everyone/);
      expect(await entry(ada, 'same').count()).to.equal(2);
    });

    it('lists who is online, and only of the own tenant', async () => {
      const [ada, bea] = [await stage.signIn('Ada Berg'), await stage.signIn('Bea Costa')];
      const mia = await stage.signIn('Mia Sato');
      const option = ada.locator('#receiver option');
      await option.filter({ hasText: 'Mia Sato' }).waitFor({ state: 'attached' });
      expect(await option.allInnerTexts()).to.deep.equal(['Everyone', 'Ada Berg (you)', 'Mia Sato (member)']);
      await mia.close();
      await option.filter({ hasText: 'Mia Sato' }).waitFor({ state: 'detached' });
      expect(await bea.locator('#receiver option').allInnerTexts()).to.deep.equal(['Everyone', 'Bea Costa (you)']);
    });

    it('shows nothing of another tenant: chat, notices, customer service', async () => {
      const [ada, bea] = [await stage.signIn('Ada Berg'), await stage.signIn('Bea Costa')];
      await chat(ada, 'books only');
      await entry(ada, 'books only').waitFor();
      await open(ada, 'Notices');
      await draft(ada, 'Books notice');
      await ada.getByRole('button', { name: 'Push Books notice' }).click();
      await ada.getByText('reached 1 here').first().waitFor();
      const mia = await stage.signIn('Mia Sato');
      await open(mia, 'Customer service');
      await write(mia, 'books question');
      await badgeOf(ada, 'Customer service').waitFor();
      await chat(bea, 'bikes');
      await entry(bea, 'bikes').waitFor();
      expect(await bea.getByText(/books/i).count()).to.equal(0);
      expect(await bea.locator('.badge, .toast').count()).to.equal(0);
    });

    it('disconnects and connects by hand, and keeps what was typed', async () => {
      const page = await stage.signIn('Ada Berg');
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
});
