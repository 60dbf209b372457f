/**
 * A wider HTTP/2 receive window for grpc-js servers. grpc-js applies
 * `grpc-node.flow_control_window` on the client's receive side only; its servers keep HTTP/2's
 * 65,535 bytes, which holds uploads (gradients) to a quarter of what loopback carries. It calls
 * `http2.createServer` through the module object when a server binds, so wrapping that function
 * reaches it with public Node API alone. A test measures the window that a client is offered and
 * fails when an upgrade of grpc-js goes another way.
 */
import http2 from 'node:http2';

/** Bytes a peer may have in flight towards us, per stream and per connection. */
export const RECEIVE_WINDOW_BYTES = 8 * 1024 * 1024;

/** Bytes of one HTTP/2 data frame. */
const MAX_FRAME_BYTES = 1024 * 1024;

let installed = false;

/**
 * Makes every HTTP/2 server of this process offer the wide window; calling it again changes
 * nothing.
 */
export function installWideWindow(): void {
  if (installed) return;
  installed = true;
  for (const name of ['createServer', 'createSecureServer'] as const) {
    const original = http2[name] as (
      options: http2.ServerOptions,
      ...rest: unknown[]
    ) => http2.Http2Server;
    const widened = (options: http2.ServerOptions, ...rest: unknown[]): http2.Http2Server => {
      const server = original(
        {
          ...options,
          settings: {
            ...options.settings,
            initialWindowSize: RECEIVE_WINDOW_BYTES,
            maxFrameSize: MAX_FRAME_BYTES,
          },
        },
        ...rest,
      );
      server.on('session', (session) => {
        session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
      });
      return server;
    };
    Object.assign(http2, { [name]: widened });
  }
}
