"""Bodies of forms that no browser sends, each with what is odd about it."""

from __future__ import annotations

BOUNDARY = b"bound"
FIELD = b'--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n'
FILE = (
    b'--bound\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\n'
    b"content\r\n"
)
END = b"--bound--\r\n"


def _part(headers: bytes, content: bytes = b"value") -> bytes:
    return b"--bound\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


def _field(rest: bytes) -> bytes:
    return _part(b"Content-Disposition: form-data; " + rest)


#: Read alike by Werkzeug's parser and the fast one, whether accepted or refused, in pieces of any size.
ALIKE: dict[str, bytes] = {
    "nothing": b"",
    "no parts": END,
    "no line break at the end": FIELD + b"--bound--",
    "one dash at the end": FIELD + b"--bound-",
    "no end": FIELD,
    "another boundary": FIELD.replace(b"bound", b"other") + END.replace(b"bound", b"other"),
    "text before": b"This is for old mail programs.\r\n" + FIELD + END,
    "a line break before": b"\r\n" + FIELD + END,
    "text behind": FIELD + END + b"what nobody reads",
    "text right behind the end": FIELD + b"--bound--what nobody reads",
    "a form behind the end": FIELD + END + FILE + END,
    "a carriage return in a value": _field(b'name="a"').replace(b"value", b"\r") + END,
    "line breaks in a value": _part(b'Content-Disposition: form-data; name="a"', b"\r\n\r\n\n\r--\r\n") + END,
    "half a boundary in a value": _part(b'Content-Disposition: form-data; name="a"', b"x\r\n--boun\r\n--b") + END,
    "no bytes in a value": _part(b'Content-Disposition: form-data; name="a"', b"") + END,
    "no name": _part(b"Content-Disposition: form-data") + END,
    "an empty name": _field(b'name=""') + END,
    "a name twice": FIELD + FIELD + END,
    "a file without a name": _field(b'name="f"; filename=""') + END,
    "a file without a field": _field(b'filename="x.txt"') + END,
    "two names": _field(b'name="a"; name="b"') + END,
    "two filenames": _field(b'name="a"; filename="1.txt"; filename="2.txt"') + END,
    "a filename in UTF-8": _field('name="f"; filename="häß你.txt"'.encode()) + END,
    "a filename in Latin-1": _field('name="f"; filename="hä.txt"'.encode("latin-1")) + END,
    "an extended filename": _field(b"name=\"f\"; filename*=UTF-8''%e4%bd%a0.txt") + END,
    "both filenames": _field(b'name="f"; filename="x.txt"; filename*=UTF-8\'\'%e4%bd%a0.txt') + END,
    "an extended filename in an unknown charset": _field(b"name=\"f\"; filename*=koi8-r''%c0.txt") + END,
    "a filename in pieces": _field(b'name="f"; filename*0="a"; filename*1="b.txt"') + END,
    "quotes in quotes": _field(rb'name="a\"b"; filename="c\"d\\e.txt"') + END,
    "percent signs": _field(b'name="a%22b"; filename="c%0Ad.txt"') + END,
    "a Windows path": _field(rb'name="f"; filename="C:\x\y.txt"') + END,
    "a semicolon in a filename": _field(b'name="f"; filename="a;b=c.txt"') + END,
    "no quotes": _field(b"name=a; filename=b.txt") + END,
    "an open quote": _field(b'name="a; filename=b.txt') + END,
    "spaces around the parameters": _field(b' name = "a" ;filename = "b.txt" ') + END,
    "a header in small letters": FIELD.replace(b"Content-Disposition", b"content-disposition") + END,
    "a header of another kind": _part(b'X-Own: 1\r\nContent-Disposition: form-data; name="a"') + END,
    "a header twice": _part(b'Content-Disposition: form-data; name="a"\r\nX-Own: 1\r\nX-Own: 2') + END,
    "a header in two lines": _part(b'Content-Disposition: form-data;\r\n name="a"') + END,
    "a header in two lines with a tab": _part(b'Content-Disposition: form-data;\r\n\tname="a"') + END,
    "spaces around a header": _part(b'Content-Disposition:   form-data; name="a"  ') + END,
    "many headers": _part(b'Content-Disposition: form-data; name="a"' + b"".join(b"\r\nX-%d: y" % n for n in range(99)))
    + END,
    "a long header": _part(b'Content-Disposition: form-data; name="a"\r\nX: ' + b"y" * 100_000) + END,
    "a header in Latin-1": _part(b'Content-Disposition: form-data; name="a"\r\nX: \xe4') + END,
    "a value in Latin-1": _part(
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=iso-8859-1', b"\xe4"
    )
    + END,
    "a value in a charset that nobody knows": _part(
        b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=x', b"\xe4"
    )
    + END,
    "a value that is no UTF-8": _part(b'Content-Disposition: form-data; name="a"', b"\xe4\xff") + END,
    "a right length": _part(b'Content-Disposition: form-data; name="a"\r\nContent-Length: 5') + END,
    "no disposition": _part(b"Content-Type: text/plain") + END,
    "no headers": b"--bound\r\n\r\nvalue\r\n" + END,
    "only headers": b"--bound\r\nContent-Disposition: form-data; name=a\r\n" + END,
    "the end in the headers": b'--bound\r\nContent-Disposition: form-data; name="a"\r\n--bound--\r\n',
    "zeros": _part(b'Content-Disposition: form-data; name="a"', bytes(500)) + END,
}

#: Accepted by Werkzeug; by the fast parser only within the first buffer, where it asks Werkzeug.
STRICTER: dict[str, bytes] = {
    "line feeds only": (FIELD + END).replace(b"\r\n", b"\n"),
    "carriage returns only": (FIELD + END).replace(b"\r\n", b"\r"),
    "line feeds in the headers": FIELD.replace(b'"a"\r\n', b'"a"\nX: 1\r\n') + END,
    "spaces behind a boundary": FIELD.replace(b"--bound\r\n", b"--bound  \r\n") + END,
    "spaces behind a later boundary": FIELD + FILE.replace(b"--bound\r\n", b"--bound \t\r\n") + END,
    "text right before": b"text" + FIELD + END,
    "text right behind a boundary in a value": _part(
        b'Content-Disposition: form-data; name="a"', b"x\r\n--boundary\r\ny"
    )
    + END,
    "no line break before the end of an empty value": b'--bound\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    + END,
    "no colon in a header": _part(b'Content-Disposition: form-data; name="a"\r\nnonsense') + END,
    "a space in a header's name": _part(b'Content-Disposition: form-data; name="a"\r\nX Y: 1') + END,
    "another disposition": FIELD.replace(b"form-data", b"attachment") + END,
    "a wrong length": _part(b'Content-Disposition: form-data; name="a"\r\nContent-Length: 4') + END,
    "a length that is no number": _part(b'Content-Disposition: form-data; name="a"\r\nContent-Length: 05') + END,
}

_HEAD = b'--bound\r\nContent-Disposition: form-data; name="a"'
STRICTER |= {
    "a line feed before the end": _HEAD + b"\r\n\r\nvalue\n" + END,
    "spaces before the first header": b"--bound\r\n " + FIELD[9:] + END,
    "a header without a name": _HEAD + b"\r\n: 1\r\n\r\nvalue\r\n" + END,
    "a value that begins like a boundary": _HEAD + b"\r\n\r\n--boundary\r\n" + END,
    "a carriage return in the headers": _HEAD + b"\rX: 1\r\n\r\nvalue\r\n" + END,
    "two carriage returns in the headers": _HEAD + b"\r\rX: 1\r\n\r\nvalue\r\n" + END,
    "a byte order mark": b"\xef\xbb\xbf" + FIELD + END,
    "a boundary in the middle of a line before": b"a --bounda\r\n" + FIELD + END,
}

#: Accepted by Werkzeug; by the fast parser as well, unless a piece ends there or its version refuses it.
SOMETIMES: dict[str, bytes] = {
    "a continued header of spaces": _part(b'Content-Disposition: form-data; name="a"\r\n  ') + END,
    "a line feed before the headers": b"--bound\r\n\n" + FIELD[9:] + END,
}

#: Accepted by both and read otherwise, with what the fast parser finds: it follows RFC 2046, section 5.1.1, where a
#: line ends with CRLF, so that what follows a single CR or LF is content.
DIFFERENT: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "a boundary behind a line feed": (
        _HEAD + b"\r\n\r\nx\n" + FIELD + END,
        [("a", "x\n" + FIELD.decode().removesuffix("\r\n"))],
    ),
    "a boundary behind a carriage return": (
        _HEAD + b"\r\n\r\nx\r" + FIELD + END,
        [("a", "x\r" + FIELD.decode().removesuffix("\r\n"))],
    ),
    "an end behind a line feed": (_HEAD + b"\r\n\r\nx\n" + END + b"\r\n" + END, [("a", "x\n--bound--\r\n")]),
    "a line feed before a header": (_HEAD + b"\r\n\nX: 1\r\n\r\nvalue\r\n" + END, [("a", "value")]),
}
