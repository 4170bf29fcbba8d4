import { h, icon, time } from '../dom.js';
import { api, nothingIfAway } from '../session.js';

/** How many messages the server gives of a history, and how many after a gap. */
const PAGE_SIZE = 50;
const GAP_SIZE = 1000;

/**
 * One conversation: history over HTTP, new messages over the socket. After a reconnect it fetches what came after the
 * last message that it has; a message that arrives both ways is shown once.
 */
export function createThread({ conversationId, me, socket }) {
  const path = `customer-service/conversations/${conversationId}`;
  const messages = new Map();
  /** Own messages that the server has not confirmed, by the id that this page gave them. */
  const unsent = new Map();
  /** Up to which message the other side has read, and this side. */
  let readByOthers = 0;
  let readByUs = 0;
  let isVisible = false;
  let hasEarlier = false;
  let isLoaded = false;

  const earlier = h('button', { class: 'quiet earlier', onclick: loadEarlier }, 'Earlier messages');
  const list = h('ol', { class: 'bubbles', 'aria-label': 'Messages', tabIndex: 0 });
  // The list is drawn anew at each change; screen readers are told only what is new.
  const spoken = h('p', { class: 'visually-hidden', 'aria-live': 'polite' });
  const input = h('textarea', {
    rows: 1,
    maxLength: 4000,
    placeholder: 'Write a message',
    'aria-label': 'Message',
    onkeydown: sendOnEnter,
  });
  const button = h(
    'button',
    { class: 'primary icon-only' },
    icon('send'),
    h('span', { class: 'visually-hidden' }, 'Send'),
  );
  const form = h('form', { class: 'compose', onsubmit: submit }, input, button);

  socket.on('kefu_message_type', (message) => {
    if (message.conversationId !== conversationId) return;
    if (isVisible && message.senderId !== me.id) spoken.textContent = `${message.senderName}: ${message.content}`;
    add([message]);
  });
  socket.on('kefu_message_read_status_change', ({ conversationId: id, readerType, upTo }) => {
    if (id !== conversationId) return;
    if (readerType === me.userType) readByUs = Math.max(readByUs, upTo);
    else readByOthers = Math.max(readByOthers, upTo);
    render();
  });
  socket.onStatus((status) => {
    if (status === 'open') void catchUp();
  });
  if (socket.status !== 'open') void catchUp();

  return {
    element: h('div', { class: 'thread' }, list, spoken, form),
    focus: () => input.focus(),
    setVisible(visible) {
      const isNew = visible && !isVisible;
      isVisible = visible;
      if (isNew) scrollDown();
      void markRead();
    },
  };

  /** The newest page at first; later what is new, and what the other side has read meanwhile. */
  async function catchUp() {
    const isFirst = messages.size === 0;
    // The last page again rather than "after the last id": read marks may have moved on messages that are here.
    const [oldestShown] = [...messages.keys()].sort((a, b) => a - b).slice(-PAGE_SIZE);
    const found = await api(`${path}/messages${isFirst ? '' : `?after=${oldestShown - 1}`}`).catch(nothingIfAway);
    isLoaded = true;
    if (isFirst) hasEarlier = found.length === PAGE_SIZE;
    add(found);
    if (found.length === GAP_SIZE) return catchUp();
    for (const [clientMessageId, { content }] of unsent) void post(clientMessageId, content);
  }

  async function loadEarlier() {
    const heightBefore = list.scrollHeight;
    const found = await api(`${path}/messages?before=${Math.min(...messages.keys())}`).catch(nothingIfAway);
    hasEarlier = found.length === PAGE_SIZE;
    add(found);
    list.scrollTop = list.scrollHeight - heightBefore;
  }

  function add(found) {
    for (const message of found) {
      messages.set(message.id, message);
      if (message.readStatus && isOurs(message)) readByOthers = Math.max(readByOthers, message.id);
      if (message.readStatus && !isOurs(message)) readByUs = Math.max(readByUs, message.id);
    }
    render();
    void markRead();
  }

  async function markRead() {
    if (!isVisible) return;
    const upTo = Math.max(0, ...[...messages.values()].filter((message) => !isOurs(message)).map(({ id }) => id));
    if (upTo <= readByUs) return;
    readByUs = upTo;
    await api(`${path}/read`, { upTo }).catch((error) => {
      readByUs = 0;
      nothingIfAway(error);
    });
  }

  function submit(event) {
    event.preventDefault();
    const content = input.value.trim();
    if (!content) return;
    input.value = '';
    const clientMessageId = newId();
    unsent.set(clientMessageId, { content, createTime: Date.now(), error: '' });
    render();
    scrollDown();
    void post(clientMessageId, content);
  }

  /** Safe to repeat: the server stores a client id once. */
  async function post(clientMessageId, content) {
    try {
      const message = await api(`${path}/messages`, { content, clientMessageId });
      unsent.delete(clientMessageId);
      add([message]);
      scrollDown();
    } catch (error) {
      const waiting = unsent.get(clientMessageId);
      if (waiting) waiting.error = error.message;
      render();
    }
  }

  function sendOnEnter(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }

  function render() {
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const sorted = [...messages.values()].sort((a, b) => a.id - b.id);
    list.replaceChildren(
      hasEarlier ? h('li', {}, earlier) : '',
      ...sorted.map(createBubble),
      ...[...unsent].map(createUnsent),
      isLoaded && sorted.length + unsent.size === 0 ? h('li', { class: 'empty' }, 'No messages yet. Say hello.') : '',
    );
    if (isAtEnd) scrollDown();
  }

  function createBubble(message) {
    const isRead = message.id <= readByOthers;
    const mark = h('span', { class: `mark ${isRead ? 'read' : ''}` }, icon(isRead ? 'checks' : 'check'));
    mark.append(h('span', {}, isRead ? 'Read' : 'Sent'));
    const isOwn = message.senderId === me.id;
    return h(
      'li',
      { class: `bubble ${isOurs(message) ? 'ours' : ''}` },
      h('p', {}, message.content),
      h(
        'div',
        { class: 'bubble-foot' },
        h('span', {}, isOwn ? 'You' : message.senderName),
        time(message.createTime),
        isOurs(message) && mark,
      ),
    );
  }

  function createUnsent([clientMessageId, { content, createTime, error }]) {
    const retry = h('button', { class: 'link', onclick: () => void post(clientMessageId, content) }, 'Try again');
    return h(
      'li',
      { class: 'bubble ours unsent' },
      h('p', {}, content),
      h(
        'div',
        { class: 'bubble-foot' },
        error ? h('span', { class: 'error' }, 'Not sent. ') : 'Sending… ',
        time(createTime),
        error && retry,
      ),
    );
  }

  function isOurs(message) {
    return message.senderType === me.userType;
  }

  function scrollDown() {
    list.scrollTop = list.scrollHeight;
  }
}

/** `crypto.randomUUID` is missing on plain http beyond localhost. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5');
}
