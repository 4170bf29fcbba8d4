import { avatar, badge, h, icon, toast } from './dom.js';
import { createInbox } from './inbox.js';
import { createLoginPage } from './pages/login.js';
import { createNoticesPage } from './pages/notices.js';
import { createSocketTestPage } from './pages/socket-test.js';
import { createSupportPage } from './pages/support.js';
import { api, getToken, isLoginValid, signOut } from './session.js';
import { createSocket } from './socket.js';

const STATUS = {
  open: 'Connected',
  connecting: 'Connecting…',
  waiting: 'Connection lost, trying again…',
  closed: 'Disconnected',
  refused: 'Refused',
};

const root = document.querySelector('#app');
if (getToken()) await start();
else root.replaceChildren(await createLoginPage());

async function start() {
  const me = await api('me').catch((error) => error);
  if (me instanceof Error) {
    // A refused login shows the login page by itself.
    if (me.status !== 401) root.replaceChildren(createOutage(me));
    return;
  }
  const socket = createSocket({
    url: `${location.origin.replace(/^http/, 'ws')}/ws`,
    token: getToken,
    isLoginValid,
  });
  const context = { me, socket, inbox: createInbox(socket), statusText: STATUS };
  const pages = {
    test: { title: 'WebSocket test', icon: 'socket', page: createSocketTestPage(context), unread: () => 0 },
    notices: {
      title: 'Notices',
      icon: 'notices',
      page: createNoticesPage(context),
      unread: () => context.inbox.unreadNotices,
    },
    support: {
      title: 'Customer service',
      icon: 'support',
      page: createSupportPage(context),
      unread: () => context.inbox.unreadMessages,
    },
  };
  showShell(context, pages);
  announce(context);
  socket.onStatus((status, code) => {
    if (status !== 'refused') return;
    signOut(code === 4401 ? 'Your login has ended. Please sign in again.' : 'The server ended this session.');
  });
  socket.connect();
}

function showShell({ me, socket, inbox }, pages) {
  const main = h('main', { id: 'main', tabIndex: -1 });
  const tabs = new Map(
    Object.entries(pages).map(([name, { title, icon: iconName }]) => {
      const count = h('span', { class: 'tab-badge' });
      const link = h('a', { class: 'tab', href: `#/${name}` }, icon(iconName), h('span', {}, title), count);
      return [name, { link, count }];
    }),
  );
  const status = h('p', { class: 'status', role: 'status' });
  const who = h(
    'div',
    { class: 'who' },
    avatar(me.id, me.info.name),
    h('div', { class: 'who-text' }, h('strong', {}, me.info.name), status),
    h(
      'button',
      { class: 'quiet icon-only', title: 'Sign out', onclick: () => signOut() },
      icon('logout'),
      h('span', { class: 'visually-hidden' }, 'Sign out'),
    ),
  );
  const nav = h('nav', { 'aria-label': 'Pages' }, ...[...tabs.values()].map(({ link }) => link));
  root.replaceChildren(
    h('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to content'),
    h('div', { class: 'shell' }, h('header', { class: 'side' }, brand(me), nav, who), main),
  );

  let shown = null;
  const route = () => {
    const name = Object.hasOwn(pages, location.hash.slice(2)) ? location.hash.slice(2) : 'test';
    shown?.page.hide?.();
    shown = pages[name];
    for (const [each, { link }] of tabs) {
      if (each === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    main.replaceChildren(shown.page.element);
    shown.page.show?.();
    showTitle();
  };
  const showTitle = () => {
    const unread = inbox.unreadNotices + inbox.unreadMessages;
    document.title = `${unread > 0 ? `(${unread}) ` : ''}${shown?.title ?? ''} · ${me.info.name}`;
  };
  socket.onStatus((next) => {
    status.textContent = STATUS[next];
    status.dataset.status = next;
  });
  inbox.onChange(() => {
    for (const [name, { count }] of tabs) count.replaceChildren(badge(pages[name].unread(), 'unread') ?? '');
    showTitle();
  });
  window.addEventListener('hashchange', route);
  route();

  function skip(event) {
    event.preventDefault();
    main.focus();
  }
}

/** Tells on every page what came in for another one. */
function announce({ me, socket }) {
  socket.on('notice-push', ({ title }) => {
    if (location.hash !== '#/notices') toast('New notice', title, '#/notices');
  });
  socket.on('kefu_message_type', ({ senderType, senderName, content }) => {
    if (senderType !== me.userType && location.hash !== '#/support') toast(senderName, content, '#/support');
  });
}

function brand(me) {
  return h(
    'div',
    { class: 'brand' },
    h('img', { src: 'icon.svg', alt: '', width: 28, height: 28 }),
    h('div', {}, h('strong', {}, me.tenantName), h('span', {}, me.userType === 2 ? 'Admin' : 'Member')),
  );
}

function createOutage(error) {
  const again = h('button', { class: 'primary', onclick: () => location.reload() }, 'Try again');
  return h('div', { class: 'outage' }, h('h1', {}, 'No connection'), h('p', {}, error.message), again);
}
