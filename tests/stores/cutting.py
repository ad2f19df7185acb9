"""A wire that breaks when it is told to: between a store and its server, at the moment of the COMMIT."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from threading import Event, Thread


class Cut(Enum):
    """How the wire breaks at the next COMMIT."""

    BEFORE = "the server never hears of it"
    AFTER = "the server did it, and its answer is lost"
    SILENT = "the server never hears of it, nor that anybody is gone"


class Wire:
    """Forwards connections to a server."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.cut: Cut | None = None
        self.cuts = 0
        self.meanwhile: Callable[[], object] = lambda: None
        """What happens between the server's hearing of a cut and the store's."""
        self._start(self._accept)

    def refuse(self) -> None:
        """From now on nobody gets through."""
        _hang_up(self._listener)

    def close(self) -> None:
        self.refuse()
        for end in self._sockets:
            _hang_up(end)
        for thread in self._threads:
            thread.join()

    def _start(self, work: object, *args: object) -> None:
        thread = Thread(target=work, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += (near, far)
                is_cut = Event()
                self._start(self._forward_asked, near, far, is_cut)
                self._start(self._forward_answers, near, far, is_cut)

    def _forward_asked(self, near: socket.socket, far: socket.socket, is_cut: Event) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if b"COMMIT\0" in data and (cut := self.cut) is not None:
                    self.cut = None
                    self.cuts += 1
                    is_cut.set()
                    if cut is not Cut.AFTER:
                        if cut is Cut.BEFORE:
                            _hang_up(far)
                        self.meanwhile()
                        _hang_up(near)
                        return
                far.sendall(data)
        _hang_up(far)

    def _forward_answers(self, near: socket.socket, far: socket.socket, is_cut: Event) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                if is_cut.is_set() and b"COMMIT\0" in data:
                    break
                near.sendall(data)
        _hang_up(near)


@contextmanager
def wire_to(host: str, port: int) -> Iterator[Wire]:
    """A wire, until it is not needed any more."""
    wire = Wire(host, port)
    try:
        yield wire
    finally:
        wire.close()


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
