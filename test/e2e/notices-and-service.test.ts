import { expect } from 'chai';
import { badgeOf, bubble, connected, draft, open, openStage, write } from './stage';

describe('example app in a browser: notices and customer service', function () {
  this.timeout(60_000);
  const stage = openStage();

  describe('notices', () => {
    it('pushed by an admin appear at once in other tabs, with an unread badge that goes when they are read', async () => {
      const [ada, mia] = [await stage.signIn('Ada Berg'), await stage.signIn('Mia Sato')];
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
      const mia = await stage.signIn('Mia Sato');
      await open(mia, 'Notices');
      await mia.getByText('No notices yet.').waitFor();
      expect(await mia.getByRole('button', { name: /push|save/i }).count()).to.equal(0);
    });
  });

  describe('customer service', () => {
    it('goes both ways; all admins see it, and who wrote sees when it was read', async () => {
      const [mia, ada, amos] = [
        await stage.signIn('Mia Sato'),
        await stage.signIn('Ada Berg'),
        await stage.signIn('Amos Reed'),
      ];
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
      const [mia, ada] = [await stage.signIn('Mia Sato'), await stage.signIn('Ada Berg')];
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
      const [mia, ada] = [await stage.signIn('Mia Sato'), await stage.signIn('Ada Berg')];
      await open(mia, 'Customer service');
      await write(mia, 'One question');
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(mia, 'One question').getByText('Read').waitFor();
      await mia.reload();
      await bubble(mia, 'One question').getByText('Read').waitFor();
    });

    it('survives a restart: clients come back by themselves and catch up, what was typed meanwhile is sent once', async () => {
      const [mia, ada] = [await stage.signIn('Mia Sato'), await stage.signIn('Ada Berg')];
      await open(mia, 'Customer service');
      await write(mia, 'Before');
      await open(ada, 'Customer service');
      await ada.getByRole('button', { name: 'Mia Sato' }).click();
      await bubble(ada, 'Before').waitFor();

      await stage.server.stop();
      await mia.locator('.who [data-status="waiting"], .who [data-status="connecting"]').waitFor();
      await mia.getByRole('textbox', { name: 'Message' }).fill('During');
      await mia.keyboard.press('Enter');
      await mia.locator('.unsent').getByText('Not sent.').waitFor();
      await stage.server.start();
      await Promise.all([mia, ada].map(connected));
      await bubble(mia, 'During').waitFor();
      await bubble(ada, 'During').waitFor();
      await bubble(mia, 'Before').getByText('Read').waitFor();
      expect(await bubble(ada, 'During').count()).to.equal(1);
    });

    it('fetches after a reconnect what was pushed while the tab was away', async () => {
      const [mia, ada] = [await stage.signIn('Mia Sato'), await stage.signIn('Ada Berg')];
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
});
