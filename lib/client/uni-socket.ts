import type { CreateSocket, SocketLike } from './socket';

/** The socket task of uni-app and of WeChat mini-programs. */
export interface SocketTask {
  send(options: { data: string }): void;
  close(options: { code?: number; reason?: string }): void;
  onOpen(listener: (event?: unknown) => void): void;
  onMessage(listener: (event: { data: unknown }) => void): void;
  onError(listener: (event?: unknown) => void): void;
  onClose(listener: (event?: unknown) => void): void;
}

/** `uni.connectSocket` or `wx.connectSocket`: gives a task, or, on some platforms, a promise of one. */
export type ConnectSocket = (options: {
  url: string;
  protocols: string[];
  complete: () => void;
}) => SocketTask | Promise<SocketTask>;

/**
 * A `createSocket` for uni-app and WeChat mini-programs: `connect(url, { createSocket: uniSocket(uni.connectSocket) })`.
 */
export function uniSocket(connectSocket: ConnectSocket): CreateSocket {
  return async (url, protocols) => {
    // With `complete`, uni-app returns the task itself and not a promise of a result.
    const task = await connectSocket({ url, protocols, complete: () => undefined });
    const socket: SocketLike = {
      send: (data) => task.send({ data }),
      close: (code, reason) =>
        task.close({ ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) }),
      onopen: null,
      onmessage: null,
      onerror: null,
      onclose: null,
    };
    task.onOpen((event) => socket.onopen?.(event as never));
    task.onMessage((event) => socket.onmessage?.(event as never));
    task.onError((event) => socket.onerror?.(event as never));
    task.onClose((event) => socket.onclose?.(event as never));
    return socket;
  };
}
