import { h, icon, time } from '../dom.js';

const MAX_ENTRIES = 500;
const SINGLE = 'Single';
const GROUP = 'Group';

/** Chat by WebSocket alone: what one user sends up, others get down at once. Nothing of it is kept. */
export function createSocketTestPage({ me, socket, statusText }) {
  const status = h('span', { class: 'pill' });
  const toggle = h('button', { onclick: () => (isWanted() ? socket.disconnect() : socket.connect()) });
  const receiver = h('select', { id: 'receiver' }, h('option', { value: '' }, 'Everyone'));
  const text = h('textarea', {
    id: 'text',
    rows: 3,
    maxLength: 2000,
    required: true,
    placeholder: 'Write a message',
    onkeydown: sendOnEnter,
  });
  const send = h('button', { class: 'primary' }, icon('send'), 'Send');
  const outcome = h('p', { class: 'muted small', role: 'status' }, 'Enter sends, Shift+Enter makes a new line.');
  const log = h('ol', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': 'Messages', tabIndex: 0 });
  const form = h(
    'form',
    { class: 'card stack', onsubmit: submit },
    h('h2', {}, 'Send'),
    h('label', { class: 'field', htmlFor: 'receiver' }, h('span', {}, 'To'), receiver),
    h('label', { class: 'field', htmlFor: 'text' }, h('span', {}, 'Message'), text),
    h('div', { class: 'row' }, outcome, send),
  );

  socket.onStatus((next) => {
    status.textContent = statusText[next];
    status.dataset.status = next;
    toggle.textContent = isWanted() ? 'Disconnect' : 'Connect';
    toggle.className = isWanted() ? '' : 'primary';
    send.disabled = next !== 'open';
    if (next === 'open') addEntry({ label: 'System', text: 'Connected.' });
    if (next === 'closed' && log.childElementCount > 0) addEntry({ label: 'System', text: 'Disconnected.' });
    if (next === 'waiting') addEntry({ label: 'System', text: 'Connection lost. What is said meanwhile is missed.' });
  });
  socket.on('online-users', showReceivers);
  socket.on('demo-message-receive', (message) => {
    const isOwn = message.fromUserId === me.id;
    const from = isOwn ? 'You' : message.fromName;
    const to = message.toName === me.info.name ? 'you' : (message.toName ?? 'everyone');
    addEntry({ label: message.single ? SINGLE : GROUP, who: `${from} → ${to}`, isOwn, ...message });
  });
  socket.on('notice-push', ({ author, title, pushedAt }) => {
    addEntry({ label: 'Notice', who: author, text: title, sentAt: pushedAt });
  });

  const element = h(
    'div',
    { class: 'page' },
    h('h1', {}, 'WebSocket test'),
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'stack' },
        h(
          'section',
          { class: 'card stack', 'aria-label': 'Connection' },
          h('div', { class: 'row' }, h('h2', {}, 'Connection'), status),
          h(
            'dl',
            { class: 'address' },
            ...[h('dt', {}, 'Address'), h('dd', {}, socket.url)],
            // The token is a subprotocol of the handshake; it stands in no address, and is not shown.
            ...[h('dt', {}, 'Login'), h('dd', {}, 'bearer.••••••••')],
          ),
          toggle,
        ),
        form,
      ),
      h(
        'section',
        { class: 'card log-card', 'aria-label': 'Message log' },
        h(
          'div',
          { class: 'row' },
          h('h2', {}, 'Messages'),
          h('button', { class: 'quiet', onclick: () => log.replaceChildren() }, 'Clear'),
        ),
        log,
      ),
    ),
  );
  return { element, show: scrollDown };

  function isWanted() {
    return socket.status !== 'closed' && socket.status !== 'refused';
  }

  async function submit(event) {
    event.preventDefault();
    const content = { text: text.value, toUserId: receiver.value === '' ? '' : Number(receiver.value) };
    if (!content.text.trim() || socket.status !== 'open') return;
    text.value = '';
    try {
      const { reached } = await socket.send('demo-message-send', content);
      outcome.textContent = reached === 0 ? 'Nobody was reached: this user has gone.' : `Reached ${reached} here.`;
    } catch (error) {
      text.value ||= content.text;
      outcome.textContent = `Not sent: ${error.message}`;
    }
  }

  function sendOnEnter(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }

  /** Keeps the chosen user while that user is online. */
  function showReceivers(users) {
    const chosen = receiver.value;
    const options = users.map(({ id, name, userType }) =>
      h('option', { value: id }, `${name} (${id === me.id ? 'you' : userType === 2 ? 'admin' : 'member'})`),
    );
    receiver.replaceChildren(h('option', { value: '' }, 'Everyone'), ...options);
    receiver.value = users.some(({ id }) => String(id) === chosen) ? chosen : '';
  }

  function addEntry({ label, who = '', text: words, isOwn = false, sentAt = Date.now() }) {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const isSystem = label === 'System';
    const direction = h('span', { class: 'direction' }, icon(isOwn ? 'up' : 'down'));
    direction.append(h('span', { class: 'visually-hidden' }, isOwn ? 'Sent' : 'Received'));
    const head = h(
      'div',
      { class: 'entry-head' },
      h('span', { class: `chip chip-${label.toLowerCase()}` }, label),
      who && h('strong', {}, who),
      time(sentAt, { precise: true }),
    );
    const body = h('div', { class: 'entry-body' }, head, h('p', {}, words));
    log.append(h('li', { class: `entry ${isSystem ? 'system' : isOwn ? 'own' : ''}` }, !isSystem && direction, body));
    while (log.childElementCount > MAX_ENTRIES) log.firstElementChild.remove();
    if (isAtEnd || isOwn) scrollDown();
  }

  function scrollDown() {
    log.scrollTop = log.scrollHeight;
  }
}
