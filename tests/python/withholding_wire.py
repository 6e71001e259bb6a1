"""A wire that takes what clients say to the server, and can keep what the server says from them."""

import contextlib
import socket
import threading

CHUNK = 1 << 16


class WithholdingWire:
    """Passes TCP connections on to a server, until it is told to keep the answers, and then to break."""

    def __init__(self, server):
        self.target = (server.host, int(server.flight_address.rpartition(":")[2]))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"grpc://127.0.0.1:{self.listener.getsockname()[1]}"
        self.passing = threading.Event()
        self.passing.set()
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def withhold(self):
        """From now on the server's answers do not arrive."""
        self.passing.clear()

    def break_off(self):
        """Ends the connections, and takes no more of them."""
        # A thread that waits for connections would take one more of a socket that is only closed.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.passing.set()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.sockets += [near, far]
                threading.Thread(target=self._pass, args=(near, far, None), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, self.passing), daemon=True).start()

    @staticmethod
    def _pass(source, sink, passing):
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                if passing is not None:
                    passing.wait()
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
