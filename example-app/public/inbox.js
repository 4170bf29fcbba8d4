import { api, nothingIfAway } from './session.js';

/**
 * What this user has: notices and conversations, with how many are unread. Pushes keep it fresh; after every
 * (re)connect it is fetched, so that nothing stays missed.
 */
export function createInbox(socket) {
  const events = new EventTarget();
  const notices = new Map();
  let readUpTo = 0;
  let isLoaded = false;
  let conversations = [];

  const changed = () => events.dispatchEvent(new Event('change'));
  const refreshNotices = coalesce(async () => {
    const answer = await api('notices');
    answer.notices.forEach(addNotice);
    readUpTo = Math.max(readUpTo, answer.readUpTo);
    isLoaded = true;
    changed();
  });
  const refreshConversations = coalesce(async () => {
    conversations = await api('customer-service/conversations');
    changed();
  });

  function addNotice(notice) {
    const known = notices.get(notice.id);
    // A push may overtake the answer to an older question.
    if (!known || known.pushNumber <= notice.pushNumber) notices.set(notice.id, notice);
  }

  socket.on('notice-push', (notice) => {
    addNotice(notice);
    changed();
  });
  socket.on('notice-read', (read) => {
    readUpTo = Math.max(readUpTo, read.readUpTo);
    changed();
  });
  socket.on('kefu_message_type', refreshConversations);
  socket.on('kefu_message_read_status_change', refreshConversations);
  socket.onStatus((status) => {
    if (status !== 'open') return;
    refreshNotices();
    refreshConversations();
  });

  return {
    get notices() {
      return [...notices.values()].sort((a, b) => b.pushNumber - a.pushNumber || b.id - a.id);
    },
    get conversations() {
      return conversations;
    },
    /** False until the notices were fetched for the first time. */
    get isLoaded() {
      return isLoaded;
    },
    isUnread: (notice) => notice.pushNumber > readUpTo,
    get unreadNotices() {
      return [...notices.values()].filter(({ pushNumber }) => pushNumber > readUpTo).length;
    },
    get unreadMessages() {
      return conversations.reduce((sum, { unread }) => sum + unread, 0);
    },
    addNotice(notice) {
      addNotice(notice);
      changed();
    },
    async markNoticesRead() {
      const upTo = Math.max(0, ...[...notices.values()].map(({ pushNumber }) => pushNumber));
      if (upTo > readUpTo) await api('notices/read', { upTo }).catch(nothingIfAway);
    },
    refreshConversations,
    onChange(handler) {
      events.addEventListener('change', handler);
      handler();
    },
  };
}

/** Runs one at a time; calls that come meanwhile make it run once more. A failure is healed by the next reconnect. */
function coalesce(work) {
  let isRunning = false;
  let isWanted = false;
  return async () => {
    isWanted = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isWanted) {
        isWanted = false;
        await work().catch(nothingIfAway);
      }
    } finally {
      isRunning = false;
    }
  };
}
