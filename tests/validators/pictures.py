"""Images: honest ones, and such as are written byte by byte."""

from __future__ import annotations

import base64
import struct
import zlib

#: Seven pixels wide and five high; drawn by Pillow.
HONEST = {
    name: base64.b64decode(text)
    for name, text in {
        "png": (
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAAFElEQVR4nGM8ISfHgAGYMIWoIgoAcO4BDp5SBC0AAAAASUVORK5CYII="
        ),
        "apng": (
            "iVBORw0KGgoAAAANSUhEUgAAAAcAAAAFCAIAAAAG+GGPAAAACGFjVEwAAAADAAAAAM7tusAAAAAaZmNUTAAAAAAAAAAHAAAABQAA"
            "AAAAAAAAAAAAAQAAfOqY8QAAABRJREFUeJxjPCEnx4ABmDCFqCIKAHDuAQ6eUgQtAAAAGmZjVEwAAAABAAAABwAAAAUAAAAAAAAA"
            "AAAAAAEAAOeZciUAAAAXZmRBVAAAAAJ4nGNk4GLABExYxKghCgAGzAAU59YAvAAAABpmY1RMAAAAAwAAAAcAAAAFAAAAAAAAAAAA"
            "AAABAAAKD6HMAAAAF2ZkQVQAAAAEeJxjZDjBgAmYsIhRQxQAVvQA0oiArCUAAAAASUVORK5CYII="
        ),
        "jpeg": (
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////"
            "////////////////////2wBDAaq0tPDS8P//////////////////////////////////////////////////////////////////"
            "////////////wAARCAAFAAcDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF"
            "BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW"
            "V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi"
            "4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC"
            "AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm"
            "Z2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq"
            "8vP09fb3+Pn6/9oADAMBAAIRAxEAPwBtFFFI0P/Z"
        ),
        "progressive": (
            "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////////////////////////////"
            "////////////////////2wBDAaq0tPDS8P//////////////////////////////////////////////////////////////////"
            "////////////wgARCAAFAAcDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAH/xAAVAQEBAAAAAAAAAAAAAAAAAAABAv/a"
            "AAwDAQACEAMQAAABgK//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAEFAn//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAED"
            "AQE/AX//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AX//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAY/An//xAAU"
            "EAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/IX//2gAMAwEAAgADAAAAEAv/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/"
            "EH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EH//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/EH//2Q=="
        ),
        "gif": ("R0lGODdhBwAFAIEAAJkAAMwAAMwzMwAAACwAAAAABwAFAAAIFQAFBBBIsOBAAQQHHlyYUAAAhAECAgA7"),
        "animated gif": (
            "R0lGODdhBwAFAIEAAMgeHgAAAAAAAAAAACwAAAAABwAFAAAIDAABCBxIsKDBgwcDAgAh+QQBAAABACwAAAAABwAFAIEACgAAAAAA"
            "AAAAAAAIDAABCBxIsKDBgwcDAgAh+QQBAAABACwAAAAABwAFAIEAyAAAAAAAAAAAAAAIDAABCBxIsKDBgwcDAgA7"
        ),
        "lossy webp": ("UklGRjAAAABXRUJQVlA4ICQAAABwAQCdASoHAAUADMDOJaACdAFAAAD+2iYRho1+LuxHGSQAAAA="),
        "lossless webp": ("UklGRh4AAABXRUJQVlA4TBEAAAAvBgABAAdQjyLXo/+BiOh/AAA="),
        "animated webp": (
            "UklGRgIBAABXRUJQVlA4WAoAAAACAAAABgAABAAAQU5JTQYAAAAAAAAAAABBTk1GRgAAAAAAAAAAAAYAAAQAAAAAAAJWUDggLgAA"
            "ADABAJ0BKgcABQABQCYloAADcAD+8dyP/+xfytfytUv//+9gv/9xn//3Gf/T4ABBTk1GNgAAAAAAAAAAAAYAAAQAAAAAAABWUDgg"
            "HgAAADQBAJ0BKgcABQAAACYlnAADcAD+/PlVp7N9vffgAEFOTUZKAAAAAAAAAAAABgAABAAAAAAAAFZQOCAyAAAANAEAnQEqBwAF"
            "AAAAJiWgAANwAP7guX//7Gb//p3f/9O7+3R//958//7nz//ufP+cYAA="
        ),
        "webp with alpha": (
            "UklGRlQAAABXRUJQVlA4WAoAAAAQAAAABgAABAAAQUxQSAoAAAABB1CyiAhERP8DVlA4ICQAAABwAQCdASoHAAUADMDOJaACdAFA"
            "AAD+2iYRho1+LuxHGSQAAAA="
        ),
        "bmp": (
            "Qk1SAAAAAAAAAD4AAAAoAAAABwAAAAUAAAABAAEAAAAAABQAAADEDgAAxA4AAAIAAAACAAAAAAAAAP///wAAAAAAAAAAAAAAAAAA"
            "AAAAAAAAAA=="
        ),
    }.items()
}
_EXTENSIONS = {"jpeg": "jpg", "progressive": "jpg", "apng": "png"}


def name_of(kind: str) -> str:
    word = kind.removesuffix(" with alpha").rpartition(" ")[2]
    return f"a.{_EXTENSIONS.get(word, word)}"


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(bytes(10)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def sof(width: int, height: int, marker: int = 0xC0) -> bytes:
    return segment(marker, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + segment(0xDA, b"\1\1\0\0\x3f\0") + bytes(20) + b"\xff\xd9"


def gif_frame(width: int, height: int, left: int = 0, top: int = 0, data: bytes = b"\1\0\0") -> bytes:
    return b"," + struct.pack("<HHHHB", left, top, width, height, 0) + b"\2" + data


def gif(width: int, height: int, *frames: bytes, end: bytes = b";") -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + b"".join(frames) + end


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    data = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1) for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(data)) + data


def vp8x(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes(4) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]


def vp8l(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14) + bytes(6)


def bmp(width: int, height: int, length: int = 40) -> bytes:
    sides = struct.pack("<HH" if length == 12 else "<ii", width, height)
    return b"BM" + bytes(12) + struct.pack("<I", length) + sides + bytes(64)
