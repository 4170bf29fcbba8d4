import { avatar, badge, h, icon, time } from '../dom.js';
import { createThread } from './thread.js';

const ADMIN = 2;

/** Customer service: a member has one conversation, an admin sees those of all members. */
export function createSupportPage({ me, socket, inbox }) {
  const isAdmin = me.userType === ADMIN;
  const list = h('ul', { class: 'conversations', 'aria-label': 'Conversations' });
  const pane = h('div', { class: 'pane' });
  const support = h('div', { class: `card support ${isAdmin ? 'two-panes' : ''}` }, isAdmin && list, pane);
  const element = h('div', { class: 'page page-fill' }, h('h1', {}, 'Customer service'), support);
  const threads = new Map();
  let isShown = false;
  let openId = null;

  if (!isAdmin) open({ id: me.id, name: me.info.name });
  else pane.append(h('p', { class: 'empty' }, icon('support'), 'Choose a conversation.'));
  inbox.onChange(renderList);
  document.addEventListener('visibilitychange', tellThread);
  return {
    element,
    show() {
      isShown = true;
      tellThread();
    },
    hide() {
      isShown = false;
      tellThread();
    },
  };

  function renderList() {
    if (!isAdmin) return;
    const newestFirst = [...inbox.conversations].sort((a, b) => (b.lastMessage?.id ?? 0) - (a.lastMessage?.id ?? 0));
    const focusedId = list.contains(document.activeElement) ? document.activeElement.dataset.id : undefined;
    list.replaceChildren(...newestFirst.map(createEntry));
    list.querySelector(`[data-id="${focusedId}"]`)?.focus();
  }

  function createEntry(conversation) {
    const { id, name, lastMessage, unread } = conversation;
    const preview = lastMessage
      ? `${lastMessage.senderId === me.id ? 'You: ' : ''}${lastMessage.content}`
      : 'No messages yet';
    const button = h(
      'button',
      { class: 'conversation', onclick: () => open(conversation) },
      avatar(id, name),
      h(
        'span',
        { class: 'conversation-text' },
        h('span', { class: 'row' }, h('strong', {}, name), lastMessage && time(lastMessage.createTime)),
        h('span', { class: 'row' }, h('span', { class: 'preview' }, preview), badge(unread, 'unread')),
      ),
    );
    button.dataset.id = id;
    if (id === openId) button.setAttribute('aria-current', 'true');
    return h('li', {}, button);
  }

  function open({ id, name }) {
    threads.get(openId)?.setVisible(false);
    openId = id;
    if (!threads.has(id)) threads.set(id, createThread({ conversationId: id, me, socket }));
    const thread = threads.get(id);
    const back = h('button', { class: 'quiet icon-only back', onclick: close }, icon('back'));
    back.append(h('span', { class: 'visually-hidden' }, 'All conversations'));
    const heading = isAdmin
      ? [back, avatar(id, name), h('h2', {}, name)]
      : [h('h2', {}, `${me.tenantName} support`), h('p', { class: 'muted small' }, 'All our staff read along here.')];
    pane.replaceChildren(h('div', { class: 'pane-head' }, ...heading), thread.element);
    support.classList.add('has-open');
    renderList();
    tellThread();
    if (isAdmin) thread.focus();
  }

  function close() {
    threads.get(openId)?.setVisible(false);
    const id = openId;
    openId = null;
    support.classList.remove('has-open');
    pane.replaceChildren(h('p', { class: 'empty' }, icon('support'), 'Choose a conversation.'));
    renderList();
    list.querySelector(`[data-id="${id}"]`)?.focus();
  }

  /** A message counts as read only when somebody can see it. */
  function tellThread() {
    threads.get(openId)?.setVisible(isShown && document.visibilityState === 'visible');
  }
}
