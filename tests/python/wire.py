"""A wire between two ends that can be cut: nothing goes through any more, and nobody is told."""

import contextlib
import selectors
import socket
import threading

CHUNK = 1 << 16


class Wire:
    """Passes TCP connections on to an address."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.whole = threading.Event()
        self.whole.set()
        self.ended = False
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """From now on nothing arrives, in either direction; connections are taken, and get no answer."""
        self.whole.clear()

    def mend(self):
        """What was sent meanwhile arrives."""
        self.whole.set()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.sockets.append(near)
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        self.whole.wait()
        if self.ended:
            return
        try:
            far = socket.create_connection(self.target)
        except OSError:
            near.close()
            return
        self.sockets.append(far)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        # A value error, too, is a socket that was closed.
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(source, selectors.EVENT_READ)
            while not self.ended:
                ready.select()
                # What comes while it is cut stays where it is, as it would in the buffers of the network.
                self.whole.wait()
                chunk = source.recv(CHUNK)
                # A client that sees its end close gives its calls up, which no broken wire passes on.
                if not chunk or self.ended:
                    break
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        """Ends all connections."""
        self.ended = True
        self.listener.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.whole.set()
