"""Whether a file is what its extension says."""

from __future__ import annotations

from collections.abc import Sequence

from ..candidate import Candidate


class ContentType:
    """Refuses files whose content is not what their extension says. The type that a client sends plays no part.

    Only what is certain is refused: see "What may come in" in the design notes for what cannot be seen. Empty files
    pass; extensions of programs, scripts and source code, and unknown ones, may have any content.

    :param allowed: The only types that may come in, by content: ``ContentType("image/png", "image/jpeg")``. Types of
        text, which look all the same, go by the extension. None given means whatever honours its extension.
    :param strict: Whether to refuse as well what honest files are often named wrongly, as a WebP picture ``.jpg``.
    :param vague: Whether content may pass that shows no type of its own, as words named ``.jpg``: it is broken, but
        runs nowhere.
    :raises ValueError: One of ``allowed`` is not a type and a subtype.
    """

    head_only: bool = True

    def __init__(self, *allowed: str, strict: bool = False, vague: bool = False) -> None:
        self.allowed: frozenset[str] = _canonical(allowed)
        self.strict = strict
        self.vague = vague
        self._named = allowed

    def __repr__(self) -> str:
        switches = [f"{name}=True" for name in ("strict", "vague") if getattr(self, name)]
        arguments = [*map(repr, self._named), *switches]
        return f"{type(self).__name__}({', '.join(arguments)})"

    def __call__(self, candidate: Candidate, /) -> None:
        """Judge a file.

        :raises UploadNotAllowed: It is not what its extension says, or not among the types that may come in.
        """
        from .honesty import require_honest  # every app imports this module; the tables can wait for a file

        require_honest(candidate, self.allowed, self._named, strict=self.strict, vague=self.vague)


def _canonical(types: Sequence[str]) -> frozenset[str]:
    if not types:
        return frozenset()
    from .sniffing.kinds import canonical

    return frozenset(map(canonical, types))


#: What every upload set does by default.
default_content_check: ContentType = ContentType(vague=True)
