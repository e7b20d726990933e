"""As much of HTTP/1.1 as a proxy on loopback needs: messages go through as the bytes that they came as."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A request or an answer: its raw bytes, and what is read of them."""

    head: bytes
    body: bytes
    first: str
    headers: dict[str, str]

    @property
    def raw(self) -> bytes:
        """As it came."""
        return self.head + self.body


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    raw = b""
    while True:
        line = await reader.readline()
        raw += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        raw += await reader.readexactly(size + 2)
    while True:  # trailers
        line = await reader.readline()
        raw += line
        if line in (b"\r\n", b""):
            return raw


async def read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None = None, *, answer_to: str = ""
) -> Message | None:
    """The next message; `None` at the end. An answer says to which method; a request's `writer` is told to go on."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if writer is not None and headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if answer_to == "HEAD" or (answer_to and first.split()[1] in ("204", "304")):
        pass
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _chunked(reader)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif answer_to:
        body = await reader.read()
    return Message(head, body, first, headers)


def unchunked(message: Message) -> bytes:
    """The body without its framing."""
    if "chunked" not in message.headers.get("transfer-encoding", "").lower():
        return message.body
    raw, plain = message.body, b""
    while raw:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        plain, raw = plain + raw[:size], raw[size + 2 :]
    return plain


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """An answer of one's own."""
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body
