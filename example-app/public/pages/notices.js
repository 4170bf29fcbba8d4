import { h, icon, time, toast } from '../dom.js';
import { api } from '../session.js';

const ADMIN = 2;

/** Notices: admins write and push them over HTTP; everyone of the tenant gets them over the socket. */
export function createNoticesPage({ me, inbox }) {
  const isAdmin = me.userType === ADMIN;
  const list = h('ul', { class: 'notices' });
  const element = h(
    'div',
    { class: 'page' },
    h('h1', {}, 'Notices'),
    h('div', { class: isAdmin ? 'columns' : '' }, isAdmin && createForm(), list),
  );
  /** How many sockets the last push of a notice reached; known in this tab only. */
  const reached = new Map();
  let isShown = false;
  /** What was unread when the page was opened stays marked until it is left. */
  let fresh = new Set();

  inbox.onChange(render);
  document.addEventListener('visibilitychange', read);
  return {
    element,
    show() {
      isShown = true;
      render();
    },
    hide() {
      isShown = false;
      fresh = new Set();
      render();
    },
  };

  function render() {
    for (const notice of inbox.notices) if (inbox.isUnread(notice)) fresh.add(notice.id);
    const empty = isAdmin ? 'No notices yet. Write the first one.' : 'No notices yet.';
    list.replaceChildren(
      ...inbox.notices.map(createItem),
      inbox.isLoaded && inbox.notices.length === 0 ? h('li', { class: 'empty' }, icon('notices'), empty) : '',
    );
    read();
  }

  function read() {
    if (isShown && document.visibilityState === 'visible') void inbox.markNoticesRead();
  }

  function createItem(notice) {
    const isDraft = notice.pushNumber === 0;
    const isFresh = fresh.has(notice.id) && !isDraft;
    const count = reached.get(notice.id);
    return h(
      'li',
      { class: `card notice ${isFresh ? 'fresh' : ''}` },
      h(
        'div',
        { class: 'row' },
        h('h2', {}, notice.title),
        isFresh ? h('span', { class: 'chip chip-accent' }, 'New') : isDraft && h('span', { class: 'chip' }, 'Draft'),
      ),
      h('p', { class: 'notice-text' }, notice.content),
      h(
        'div',
        { class: 'row' },
        h(
          'p',
          { class: 'muted small' },
          `${notice.author} · `,
          isDraft ? 'written ' : 'pushed ',
          time(notice.pushedAt ?? notice.createdAt),
          count !== undefined && h('strong', { class: 'reached' }, ` · reached ${count} here`),
        ),
        isAdmin &&
          h(
            'button',
            { onclick: push, 'aria-label': `Push ${notice.title}` },
            icon('notices'),
            isDraft ? 'Push' : 'Push again',
          ),
      ),
    );

    async function push(event) {
      event.currentTarget.disabled = true;
      try {
        const answer = await api(`notices/${notice.id}/push`, {});
        reached.set(notice.id, answer.reached);
        inbox.addNotice(answer.notice);
        toast('Pushed', `“${notice.title}” reached ${answer.reached} here.`);
      } catch (error) {
        toast('Not pushed', error.message);
        render();
      }
    }
  }

  function createForm() {
    const title = h('input', { id: 'title', required: true, maxLength: 120 });
    const content = h('textarea', { id: 'content', required: true, rows: 5, maxLength: 4000 });
    const message = h('p', { class: 'form-message', role: 'alert' });
    return h(
      'form',
      { class: 'card stack', onsubmit: submit },
      h('h2', {}, 'Write a notice'),
      h('label', { class: 'field', htmlFor: 'title' }, h('span', {}, 'Title'), title),
      h('label', { class: 'field', htmlFor: 'content' }, h('span', {}, 'Text'), content),
      message,
      h('button', { class: 'primary' }, 'Save draft'),
    );

    async function submit(event) {
      event.preventDefault();
      const form = event.currentTarget;
      message.textContent = '';
      try {
        inbox.addNotice(await api('notices', { title: title.value, content: content.value }));
        form.reset();
        title.focus();
      } catch (error) {
        message.textContent = error.message;
      }
    }
  }
}
