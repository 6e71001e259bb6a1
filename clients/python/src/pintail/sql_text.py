"""What the text of a statement says of what it does: as much as the client has to know before it is sent.

What is not recognised is taken for a write. That does no harm: a write is only repeated less freely.
"""

from __future__ import annotations

import enum
import re


class Kind(enum.Enum):
    """What a statement does."""

    #: It only reads, so that it can be run again.
    READ = "read"
    #: It sets something of the session, and no transaction has to be begun for it.
    SESSION = "session"
    #: It begins or ends a transaction.
    TRANSACTION = "transaction"
    #: It may change data.
    WRITE = "write"


_SKIPPED = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()*", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
# Texts, quoted names and comments, in which words mean nothing.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_SEVERAL = re.compile(r";\s*\S", re.DOTALL)
_CHANGES = re.compile(r"\b(insert|update|delete|merge|truncate|create|drop|alter|analyze)\b", re.IGNORECASE)

_READS = {"select", "from", "values", "table", "describe", "desc", "show", "summarize", "with", "explain"}
_MAY_CHANGE = {"with", "explain"}
_SETS = {"set", "reset", "use", "pragma", "load", "install", "attach", "detach", "checkpoint", "prepare", "deallocate"}
_TRANSACTIONS = {"begin", "start", "commit", "rollback", "abort", "end", "savepoint", "release"}


def kind(sql: str) -> Kind:
    """What a statement's text says that it does."""
    begin = _SKIPPED.match(sql)
    found = _WORD.match(sql, begin.end() if begin else 0)
    word = found.group().lower() if found else ""
    if word in _TRANSACTIONS:
        return Kind.TRANSACTION
    if word not in _READS and word not in _SETS:
        return Kind.WRITE
    bare = _QUOTED.sub(" ' ", sql)
    if _SEVERAL.search(bare):
        return Kind.WRITE
    if word in _SETS:
        return Kind.SESSION
    if word in _MAY_CHANGE and _CHANGES.search(bare):
        return Kind.WRITE
    return Kind.READ
