/** About 170 bytes on the wire, as a notice or a chat line is. */
export const CONTENT = { id: 1024, title: 'A notice for all', text: 'x'.repeat(70), at: 1_790_000_000_000 };
