"""``flask uploads``: chores for an app's upload sets."""

from __future__ import annotations

from datetime import timedelta

import click
from flask import current_app
from flask.cli import AppGroup

from .config import UploadConfiguration
from .operations import sweep

uploads: AppGroup = AppGroup("uploads", help="Chores for the app's upload sets.")


@uploads.command("sweep")
@click.option(
    "--older-than",
    default=24,
    type=click.IntRange(0, 1_000_000),
    show_default=True,
    help="Age in hours from which files count as left over.",
)
def sweep_command(older_than: int) -> None:
    """Remove temporary files that killed processes left."""
    sets: dict[str, UploadConfiguration] = getattr(current_app, "upload_set_config", {})
    if not sets:
        raise click.ClickException("This app has no upload sets; it has to call configure_uploads().")
    for name, config in sets.items():
        count = sweep(config.backend, timedelta(hours=older_than))
        click.echo(f"{name}: {count} removed")
