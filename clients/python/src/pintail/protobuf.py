"""As much of the encoding of protocol buffers as the messages of Flight SQL need."""

from __future__ import annotations

import struct

from .errors import InternalError

Value = int | bytes | str
Fields = dict[int, list[int | bytes]]


def varint(number: int) -> bytes:
    """A number of 64 bits; those below zero are written as their two's complement."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: Value) -> bytes:
    """A field: a number or a truth value as a varint, texts and messages as their length and their bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed64(number: int, value: int | float) -> bytes:
    """A field of eight bytes: a signed number or a double."""
    return varint(number << 3 | 1) + struct.pack("<d" if isinstance(value, float) else "<q", value)


def fields(message: bytes) -> Fields:
    """The fields of a message by number, each with all its values, in their order.

    Raises `InternalError` when the bytes are no message.
    """
    found: Fields = {}
    at = 0
    while at < len(message):
        key, at = _varint_at(message, at)
        wire = key & 7
        value: int | bytes
        if wire == 0:
            value, at = _varint_at(message, at)
        elif wire in (1, 2, 5):
            size, at = _varint_at(message, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            value = message[at : at + size]
            if len(value) != size:
                raise InternalError("an answer of the server ends in the middle of a field")
            at += size
        else:
            raise InternalError("an answer of the server is not a message of protocol buffers")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint_at(message: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise InternalError("an answer of the server ends in the middle of a number")


def last_bytes(message: Fields, number: int) -> bytes:
    """The last value of a field, as protocol buffers have it; empty when it is not there."""
    value = message.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def last_int(message: Fields, number: int) -> int:
    """The last value of a number of 64 bits with sign; 0 when it is not there."""
    value = message.get(number, [0])[-1]
    number_ = value if isinstance(value, int) else 0
    return number_ - (1 << 64) if number_ >> 63 else number_
