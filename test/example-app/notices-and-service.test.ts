import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import request from 'supertest';
import { openDesk, unreadTypes } from './desk';

const MIA = 3;
const MAX = 4;
const NORA = 7;

describe('example app: notices and customer service', () => {
  const desk = openDesk();

  describe('notices', () => {
    it('are written and pushed by admins, and reach every tab of the tenant', async () => {
      const [ada, mia] = [await desk.login('ada'), await desk.login('mia')];
      const tabs = [await desk.connect(ada), await desk.connect(mia), await desk.connect(mia)];
      const other = await desk.connect(await desk.login('nora'));
      const { body: draft } = await desk.post(ada, '/api/notices', { title: 'Hours', content: 'Closed.' }).expect(201);
      expect((await desk.get(mia, '/api/notices')).body.notices).to.deep.equal([]);

      const { body } = await desk.post(ada, `/api/notices/${draft.id}/push`, {}).expect(200);
      expect(body.reached).to.equal(3);
      for (const tab of tabs) expect(await tab.next('notice-push')).to.deep.equal(body.notice);
      expect((await desk.get(mia, '/api/notices')).body.notices).to.deep.equal([body.notice]);

      const bea = await desk.login('bea');
      expect((await desk.get(bea, '/api/notices')).body.notices).to.deep.equal([]);
      await desk.post(bea, `/api/notices/${draft.id}/push`, {}).expect(404);
      await desk.chat(other, { text: 'marker' });
      await other.next('demo-message-receive');
      expect(unreadTypes(other)).not.to.contain('notice-push');
    });

    it('cannot be written or pushed by members: 403', async () => {
      const mia = await desk.login('mia');
      await desk.post(mia, '/api/notices', { title: 'x', content: 'y' }).expect(403);
      await desk.post(mia, '/api/notices/1/push', {}).expect(403);
      await request(desk.server.url).post('/api/notices/1/push').expect(401);
    });

    it('that were read stay read, and other tabs of the user are told', async () => {
      const [ada, mia] = [await desk.login('ada'), await desk.login('mia')];
      const tab = await desk.connect(mia);
      const { body: first } = await desk.post(ada, '/api/notices', { title: 'a', content: 'b' });
      await desk.post(ada, `/api/notices/${first.id}/push`, {});
      const again = await desk.post(ada, `/api/notices/${first.id}/push`, {});
      expect(again.body.notice.pushNumber).to.equal(2);
      await desk.post(mia, '/api/notices/read', { upTo: 2 }).expect(200);
      expect(await tab.next('notice-read')).to.deep.equal({ readUpTo: 2 });
      await desk.post(mia, '/api/notices/read', { upTo: 1 }).expect(200);
      expect((await desk.get(mia, '/api/notices')).body.readUpTo).to.equal(2);
      expect((await desk.get(ada, '/api/notices')).body.readUpTo).to.equal(0);
    });
  });

  describe('customer service', () => {
    it('takes a message of a member to all admins of the tenant, and to no other member', async () => {
      const [mia, ada, amos, max, bea] = await Promise.all(
        ['mia', 'ada', 'amos', 'max', 'bea'].map((name) => desk.login(name)),
      );
      const tabs = await Promise.all([mia, ada, amos].map((token) => desk.connect(token ?? '')));
      const others = await Promise.all([max, bea].map((token) => desk.connect(token ?? '')));
      const { body } = await desk.say(mia ?? '', MIA, 'Where is my parcel?').expect(201);
      expect(body).to.include({ conversationId: MIA, senderId: MIA, senderType: 1, readStatus: false });
      for (const tab of tabs) expect(await tab.next('kefu_message_type')).to.deep.equal(body);
      for (const other of others) {
        await desk.chat(other, { text: 'marker' });
        await other.next('demo-message-receive');
        expect(unreadTypes(other)).not.to.contain('kefu_message_type');
      }
    });

    it('counts what is unread, tells who has read it, and never takes a mark back', async () => {
      const [mia, ada, amos] = [await desk.login('mia'), await desk.login('ada'), await desk.login('amos')];
      const { body: first } = await desk.say(mia, MIA, 'one');
      const { body: second } = await desk.say(mia, MIA, 'two');
      const conversations = (token: string) => desk.get(token, '/api/customer-service/conversations');
      expect((await conversations(amos)).body[0]).to.deep.include({ id: MIA, unread: 2, lastMessage: second });

      const tab = await desk.connect(mia);
      const read = `/api/customer-service/conversations/${MIA}/read`;
      await desk.post(ada, read, { upTo: second.id }).expect(200);
      expect(await tab.next('kefu_message_read_status_change')).to.deep.equal({
        conversationId: MIA,
        readerType: 2,
        upTo: second.id,
      });
      await desk.post(ada, read, { upTo: first.id }).expect(200);
      expect((await conversations(amos)).body[0].unread).to.equal(0);
      const { body: history } = await desk.get(mia, `/api/customer-service/conversations/${MIA}/messages`);
      expect(history.map(({ readStatus }: { readStatus: boolean }) => readStatus)).to.deep.equal([true, true]);
    });

    it('stores a message that is sent twice once, and pushes it once', async () => {
      const mia = await desk.login('mia');
      const tab = await desk.connect(mia);
      const id = randomUUID();
      const [first, second] = [await desk.say(mia, MIA, 'once', id), await desk.say(mia, MIA, 'once', id)];
      expect(second.body).to.deep.equal(first.body);
      await desk.say(mia, MIA, 'marker');
      expect(await tab.next('kefu_message_type')).to.include({ content: 'once' });
      expect(await tab.next('kefu_message_type')).to.include({ content: 'marker' });
    });

    it('hides conversations of others: 404 for another member, another tenant, an admin id', async () => {
      const [mia, ada] = [await desk.login('mia'), await desk.login('ada')];
      await desk.say(mia, MAX, 'x').expect(404);
      await desk.say(ada, NORA, 'x').expect(404);
      await desk.say(ada, 1, 'x').expect(404);
      await desk.get(ada, `/api/customer-service/conversations/${NORA}/messages`).expect(404);
      await desk.post(mia, `/api/customer-service/conversations/${MAX}/read`, { upTo: 1 }).expect(404);
    });

    it('refuses what is no message: 400 that names the field', async () => {
      const mia = await desk.login('mia');
      expect((await desk.say(mia, MIA, '  ').expect(400)).body.error).to.contain('content');
      expect((await desk.say(mia, MIA, 'x', 'no uuid').expect(400)).body.error).to.contain('clientMessageId');
      expect((await desk.say(mia, MIA, 'x'.repeat(4001)).expect(400)).body.error).to.contain('content');
    });

    it('gives history page by page, and what came after a message', async () => {
      const mia = await desk.login('mia');
      for (let number = 1; number <= 55; number += 1) await desk.say(mia, MIA, `m${number}`).expect(201);
      const messages = `/api/customer-service/conversations/${MIA}/messages`;
      const textsOf = (body: readonly { content: string }[]) => body.map(({ content }) => content);
      const { body: last } = await desk.get(mia, messages);
      expect(textsOf(last)).to.have.length(50).and.include('m55').and.not.include('m5');
      const { body: earlier } = await desk.get(mia, `${messages}?before=${last[0].id}`);
      expect(textsOf(earlier)).to.deep.equal(['m1', 'm2', 'm3', 'm4', 'm5']);
      const { body: after } = await desk.get(mia, `${messages}?after=${last[47].id}`);
      expect(textsOf(after)).to.deep.equal(['m54', 'm55']);
    });
  });

  it('keeps notices, messages and read marks over a restart', async () => {
    const [mia, ada] = [await desk.login('mia'), await desk.login('ada')];
    const { body: message } = await desk.say(mia, MIA, 'still here?');
    await desk.post(ada, `/api/customer-service/conversations/${MIA}/read`, { upTo: message.id });
    const { body: draft } = await desk.post(ada, '/api/notices', { title: 'Kept', content: 'x' });
    await desk.post(ada, `/api/notices/${draft.id}/push`, {});
    const tab = await desk.connect(mia);
    await desk.server.stop();
    expect((await tab.closed).code).to.equal(1012);
    await desk.server.start();
    const { body } = await desk.get(mia, `/api/customer-service/conversations/${MIA}/messages`);
    expect(body).to.deep.equal([{ ...message, readStatus: true }]);
    expect((await desk.get(mia, '/api/notices')).body.notices[0].title).to.equal('Kept');
  });
});
