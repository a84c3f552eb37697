"""A gallery: upload images, look at them, delete them.

Start it with ``python examples/gallery/app.py`` and open the printed address.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import click
from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as BaseResponse

from uploadkit import IMAGES, FileStorage, InvalidKeyError, UploadNotAllowed, UploadSet, configure_uploads

HERE = Path(__file__).resolve().parent
MOST_SHOWN = 200
LOCAL_HOSTS = ["127.0.0.1", "localhost"]
PAGE_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)
BACKEND_HELP = "Where the images are kept: in a folder, or on S3 as moto plays it (pip install 'moto[s3,server]')."
CREDENTIALS = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}

photos = UploadSet("photos", IMAGES)
pages = Blueprint("pages", __name__)


def create_app(folder: Path | None = None, hosts: list[str] | None = None, **settings: Any) -> Flask:
    """Make the app.

    :param folder: Where the images are kept; None means ``uploads`` in the instance folder.
    :param hosts: The names under which the app may be reached; None allows any.
    :param settings: Further settings, such as another backend.
    """
    app = Flask(__name__, instance_path=str(HERE / "instance"))
    app.config.update(
        TRUSTED_HOSTS=hosts,
        MAX_CONTENT_LENGTH=32 * 1024 * 1024,  # of a whole request
        UPLOADED_PHOTOS_MAX_SIZE="8 MB",  # of one image
        UPLOADED_PHOTOS_DEST=folder or Path(app.instance_path, "uploads"),
        UPLOADED_PHOTOS_SERVE=True,
    )
    app.config.update(settings)
    configure_uploads(app, photos)
    app.register_blueprint(pages)
    return app


@pages.before_app_request
def refuse_forms_of_other_sites() -> None:
    """Refuse a POST that another site's page made the visitor's browser send (CSRF).

    Browsers put the page's origin into every cross-site POST, and no page can change that header. Programs such as
    curl send none; nobody can trick them. That ``Host`` is really ours is what ``TRUSTED_HOSTS`` takes care of.
    """
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and origin != request.host_url.rstrip("/"):
        abort(403, "This form was sent from another site.")


@pages.after_request
def restrict_page(response: Response) -> Response:
    """Let the gallery's pages load nothing but their own images, and nobody frame them."""
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


@pages.get("/")
def gallery() -> str:
    """Show the form and the images."""
    return show([])


@pages.post("/")
def upload() -> BaseResponse | tuple[str, int]:
    """Store what was sent; tell what was refused, and why."""
    files = request.files.getlist("images")
    refused = [(file.filename or "", reason) for file in files if (reason := store(file))]
    return (show(refused), 400) if refused else redirect(url_for("pages.gallery"), 303)


@pages.post("/delete")
def delete() -> BaseResponse:
    """Delete one image; that it is gone already is fine."""
    try:
        photos.delete(request.form["filename"], missing_ok=True)
    except InvalidKeyError:
        abort(404)
    return redirect(url_for("pages.gallery"), 303)


@pages.app_errorhandler(RequestEntityTooLarge)
def too_large(error: RequestEntityTooLarge) -> tuple[str, int]:
    """Say how much may be sent at a time."""
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    return show([("", f"That was too much at once; at most {limit:,} bytes can be sent together.")]), 413


def store(file: FileStorage) -> str | None:
    """Store one image; return the reason if it is refused."""
    try:
        photos.save(file)
    except UploadNotAllowed as error:
        return error.reason
    return None


def show(refused: list[tuple[str, str]]) -> str:
    """Return the page. Jinja escapes every name and reason in it."""
    images = [(info, photos.url(info.filename)) for info in islice(photos.list_files(), MOST_SHOWN)]
    return render_template("gallery.html", images=images, refused=refused, accept=photos.accept)


def on_moto() -> dict[str, Any]:
    """Start moto, which plays S3 in this process, with a bucket; return the settings that move the images there."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {"endpoint_url": f"http://{host}:{port}", "access_key_id": "demo", "secret_access_key": "demo"}
    with closing(boto3.client("s3", "us-east-1", endpoint_url=options["endpoint_url"], **CREDENTIALS)) as client:
        client.create_bucket(Bucket="gallery")
    return {
        "UPLOADED_PHOTOS_BACKEND": "s3",
        "UPLOADED_PHOTOS_DEST": "gallery/photos",
        "UPLOADED_PHOTOS_OPTIONS": options,
        "UPLOADED_PHOTOS_DELIVERY": "proxy",  # moto can be reached from this machine only
    }


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=5000, show_default=True, help="The port; 0 takes a free one.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to keep the images.")
@click.option("--backend", type=click.Choice(["local", "s3"]), default="local", show_default=True, help=BACKEND_HELP)
def main(host: str, port: int, folder: Path | None, backend: str) -> None:
    """Run the gallery until Ctrl-C is pressed."""
    settings = on_moto() if backend == "s3" else {}
    app = create_app(folder, LOCAL_HOSTS if host in LOCAL_HOSTS else None, **settings)
    server = make_server(host, port, app, threaded=True)
    click.echo(f"The gallery is at http://{host}:{server.port}/ (press Ctrl-C to stop)")
    server.serve_forever()


if __name__ == "__main__":
    main()
