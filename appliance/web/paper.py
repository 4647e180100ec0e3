"""Pages from templates. Everything that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, Response

FOLDER = Path(__file__).parent


class Paper:
    def __init__(self, version: str) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["version"] = version

    def page(self, template: str, status: int, values: Mapping[str, object]) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(values), status)

    def error(self, status: int, message: str, *, close: bool = False) -> Response:
        """A page that says what went wrong. `close`: the connection too, as what is left on it is unread."""
        title = HTTPStatus(status).phrase
        answer = self.page("error.html", status, {"status": status, "title": title, "message": message})
        if close:
            answer.headers["connection"] = "close"
        return answer


def refused_json(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


def sentences(message: str, hint: str) -> str:
    """A refusal for a page: each part as a sentence."""
    parts = [part[:1].upper() + part[1:] for part in (message, hint) if part]
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)
