# SPDX-License-Identifier: Apache-2.0
"""DATA and BDAT of the server engine: content goes through as it comes, and is judged at its end.

Rule: the verdict about a message is given once, at its true end, and only the driver can accept it.
The octets of a refused chunk go by before the refusal is sent, since only then it is known again
that the next octet begins a command (RFC 3030 §2).
"""

from gatehouse.mail.reply import Reply
from gatehouse.smtp import grammar, limits
from gatehouse.smtp import server_replies as replies
from gatehouse.smtp.bdat import ChunkReader
from gatehouse.smtp.data_reader import DataReader
from gatehouse.smtp.server_core import ServerCore, SkipVerdict
from gatehouse.smtp.server_events import (
    BodyChunk,
    DataStart,
    MessageEnd,
    MessageRejected,
    Refusal,
    Reset,
)
from gatehouse.smtp.server_states import Happening

# Looking a member up in its enum costs more than using it (Python 3.11), hence these.
_CONTENT = Happening.CONTENT
_MESSAGE_OVER = Happening.MESSAGE_OVER


class ContentServer(ServerCore):
    """A session that can take content."""

    __slots__ = ()

    # --- DATA and BDAT -----------------------------------------------------------------------

    def _data_command(self, line: bytes) -> None:
        if self._without_argument(line):
            self._events.append(DataStart())
            self._question = ContentServer._data_answered

    def _data_answered(self, reply: Reply | None) -> None:
        if reply is not None and not (reply.positive or reply.intermediate):
            self._declined(reply)
            return
        self._out.append(replies.GO_AHEAD)
        self._move(_CONTENT)
        self._data = DataReader(self._settings.max_message_size)

    def _bdat(self, line: bytes, objection: Reply | None) -> None:
        size = grammar.chunk_size(line[5:])
        if size is None or size[0] > limits.CHUNK_SIZE:
            # How many octets of content follow, nobody knows: nothing behind it can be a command.
            self._refuse(Refusal.SYNTAX, line, replies.BAD_CHUNK)
            if not self.closing:
                self._violated("chunk of unknown size")
            return
        octets, last = size
        if objection is not None:
            kind = Refusal.TLS_REQUIRED if objection is replies.TLS_FIRST else Refusal.SEQUENCE
            self._skip_chunk(octets, (kind, line.decode("ascii"), objection))
            return
        if self._chunks is not None:
            self._chunks.begin(octets, last)
            self._in_chunk = True
            return
        self._chunks = ChunkReader(self._settings.max_message_size)
        self._chunks.begin(octets, last)
        self._events.append(DataStart())
        self._question = ContentServer._chunks_answered

    def _chunks_answered(self, reply: Reply | None) -> None:
        chunks = self._chunks
        if chunks is None or reply is None or reply.positive or reply.intermediate:
            self._in_chunk = True
            return
        self._chunks = None
        self._skip_chunk(chunks.total, (None, "", reply))
        self._move(_MESSAGE_OVER if chunks.last else Happening.CHUNK_REFUSED)
        self._excused = limits.FOLLOW_ON_REFUSALS
        if chunks.last:
            self._events.append(Reset())

    # --- content ---------------------------------------------------------------------------

    def _read_data(self, content: DataReader) -> bool:
        """Octets of DATA; False when there are none."""
        data = self._reader.take()
        if not data:
            return False
        piece, behind = content.read(data)
        if piece:
            self._events.append(BodyChunk(piece))
        if behind >= 0:
            self._data = None
            if behind < len(data):
                self._reader.give_back(data[behind:])
            self._content_over(content)
        return True

    def _content_over(self, content: DataReader | ChunkReader) -> None:
        """The true end of a message: its verdict."""
        if content.impure:
            self._reject_impure()
        elif content.over:
            reply = replies.TOO_LARGE
            self._events.append(MessageRejected("Message too large", reply))
            self._out.append(reply.wire())
            self._move(_MESSAGE_OVER)
            self._count_error()
        else:
            self._events.append(MessageEnd(content.size))
            self._question = ContentServer._message_answered

    def _reject_impure(self) -> None:
        # Somebody between the author and us sees other line ends than we do: nothing that this
        # connection still sends can be trusted to be what its sender meant.
        reply = replies.BAD_CONTENT
        self._events.append(MessageRejected(reply.lines[0], reply))
        self._out.append(reply.wire())
        self._violated("bare CR, bare LF or NUL in message")

    def _message_answered(self, reply: Reply | None) -> None:
        self._move(_MESSAGE_OVER)
        if reply is None:
            self._out.append(replies.MESSAGE_OK)
        elif reply.positive:
            self._out.append(reply.wire())
        else:
            self._declined(reply)
            return
        self._errors = self._junk = 0

    # --- chunks ----------------------------------------------------------------------------

    def _read_chunk(self, chunks: ChunkReader) -> bool:
        """Octets of a wanted chunk; False when there are none."""
        if chunks.left:
            data = self._reader.take(chunks.left)
            if not data:
                return False
            piece = chunks.read(data)
            if piece:
                self._events.append(BodyChunk(piece))
        if not chunks.left:
            self._in_chunk = False
            self._chunk_over(chunks)
        return True

    def _chunk_over(self, chunks: ChunkReader) -> None:
        if chunks.last:
            chunks.finish()
            self._chunks = None
            self._content_over(chunks)
        elif chunks.impure:
            self._reject_impure()
        elif chunks.over:
            reply = replies.TOO_LARGE
            self._events.append(MessageRejected("Message too large", reply))
            self._out.append(reply.wire())
            self._chunk_failed()
        else:
            self._out.append(replies.bdat_ok(chunks.total))
            self._move(Happening.CHUNK)

    def _chunk_failed(self) -> None:
        self._chunks = None
        self._excused = limits.FOLLOW_ON_REFUSALS
        self._move(Happening.CHUNK_REFUSED)

    def _skip_chunk(self, octets: int, verdict: SkipVerdict) -> None:
        """Refuse a BDAT when its octets have gone by."""
        self._skip = octets
        self._skip_verdict = verdict

    def _skip_on(self, verdict: SkipVerdict) -> bool:
        """Let octets of a refused chunk go by; False when there are none."""
        if self._skip:
            gone = len(self._reader.take(self._skip))
            if not gone:
                return False
            self._skip -= gone
        if not self._skip:
            self._skip_verdict = None
            kind, text, reply = verdict
            if kind is not None:
                self._refuse(kind, text, reply)
            else:
                self._declined(reply)
        return True
