"""Limits of requests by view, and the warning where there is no limit at all."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from flask import Flask, request
from flask.views import MethodView

from uploadkit import ALL, ConfigError, UploadSet, configure_uploads
from uploadkit.limiting import FORM_OVERHEAD


def configured(app: Flask, **settings: Any) -> UploadSet:
    files = UploadSet("files", ALL)
    app.config.update(UPLOADED_FILES_BACKEND="memory", **settings)
    configure_uploads(app, files)
    return files


def post(app: Flask, size: int, path: str = "/") -> int:
    """Send a body; return the status code."""
    return app.test_client().post(path, data=bytes(size)).status_code


def store_length() -> str:
    return str(len(request.get_data()))


class TestLimit:
    @pytest.mark.parametrize("app_limit", [None, 1000, 50_000_000])
    def test_a_view_takes_what_the_set_takes(self, app: Flask, app_limit: int | None) -> None:
        files = configured(app, MAX_CONTENT_LENGTH=app_limit, UPLOADED_FILES_MAX_SIZE="2 MB")
        app.post("/")(files.limit(store_length))
        assert post(app, 2_000_000) == 200
        assert post(app, 2_000_001 + FORM_OVERHEAD) == 413

    def test_others_keep_the_limit_of_the_app(self, app: Flask) -> None:
        files = configured(app, MAX_CONTENT_LENGTH=1000, UPLOADED_FILES_MAX_SIZE="2 MB")
        app.post("/")(files.limit(store_length))
        app.add_url_rule("/other", "other", store_length, methods=["POST"])
        assert post(app, 10_000, "/other") == 413

    def test_it_can_be_told_how_long_and_how_many(self, app: Flask) -> None:
        files = configured(app, UPLOADED_FILES_MAX_SIZE="1 kB")
        app.add_url_rule("/long", "long", files.limit(max_size="2 MB")(store_length), methods=["POST"])
        app.add_url_rule("/many", "many", files.limit(files=3000)(store_length), methods=["POST"])
        assert post(app, 2_000_000, "/long") == 200
        assert post(app, 2_000_001 + FORM_OVERHEAD, "/long") == 413
        assert post(app, 3_000_000, "/many") == 200
        assert post(app, 3_000_001 + FORM_OVERHEAD, "/many") == 413

    @pytest.mark.parametrize("before", [True, False])
    def test_it_holds_before_functions_that_read_the_form(self, app: Flask, before: bool) -> None:
        def read_form() -> None:
            assert request.get_data()

        if before:
            app.before_request(read_form)
        files = configured(app, MAX_CONTENT_LENGTH=1000, UPLOADED_FILES_MAX_SIZE="2 MB")
        if not before:
            app.before_request(read_form)
        app.post("/")(files.limit(store_length))
        assert post(app, 1_000_000) == 200

    def test_above_the_route_it_says_that_it_has_no_effect(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        files = configured(app, UPLOADED_FILES_MAX_SIZE="1 kB")

        @files.limit
        @app.post("/")
        def view() -> str:
            return store_length()

        for _ in range(2):
            assert post(app, 5_000_000) == 200
        assert [record.message for record in caplog.records] == [
            "The limit() of the view 'view' has no effect: put it below route()."
        ]

    def test_a_view_with_a_limit_and_without_is_no_mistake(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        files = configured(app, UPLOADED_FILES_MAX_SIZE="1 kB")

        def view() -> str:
            return store_length()

        app.add_url_rule("/limited", "limited", files.limit(view), methods=["POST"])
        app.add_url_rule("/free", "free", view, methods=["POST"])
        assert post(app, 5_000_000, "/free") == 200
        assert post(app, 5_000_000, "/limited") == 413
        assert caplog.records == []

    def test_for_methods_of_a_class_and_for_a_whole_class(self, app: Flask) -> None:
        files = configured(app, MAX_CONTENT_LENGTH=1000, UPLOADED_FILES_MAX_SIZE="2 MB")

        class One(MethodView):
            @files.limit
            def post(self) -> str:
                return store_length()

        class Whole(MethodView):
            decorators = [files.limit]  # noqa: RUF012

            def post(self) -> str:
                return store_length()

        app.add_url_rule("/one", view_func=One.as_view("one"))
        app.add_url_rule("/whole", view_func=Whole.as_view("whole"))
        assert [post(app, 1_000_000, "/one"), post(app, 1_000_000, "/whole")] == [200, 200]

    def test_a_coroutine_stays_one(self, app: Flask) -> None:
        files = configured(app, UPLOADED_FILES_MAX_SIZE="2 MB")

        @files.limit
        async def view() -> int | None:
            return request.max_content_length

        with app.test_request_context():
            assert asyncio.run(view()) == 2_000_000 + FORM_OVERHEAD

    def test_without_a_limit_it_says_what_to_set(self, app: Flask) -> None:
        files = configured(app)
        app.post("/")(files.limit(store_length))
        with pytest.raises(ConfigError, match="UPLOADED_FILES_MAX_SIZE"):
            post(app, 10)

    @pytest.mark.parametrize(
        "arguments", [{"max_size": "much"}, {"max_size": 0}, *({"files": files} for files in (0, 1.5, True))]
    )
    def test_what_means_nothing_is_refused_at_once(self, app: Flask, arguments: Any) -> None:
        with pytest.raises(ValueError):
            configured(app).limit(**arguments)

    @pytest.mark.parametrize("slip", ["5 MB", 5_000_000])
    def test_a_length_without_its_name_is_told_how_to_write_it(self, app: Flask, slip: Any) -> None:
        with pytest.raises(TypeError, match="limit\\(max_size="):
            configured(app).limit(slip)

    def test_requests_that_no_view_answers_are_not_touched(self, app: Flask) -> None:
        configured(app)
        assert post(app, 10, "/nowhere") == 404


class TestWarning:
    def warnings(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]

    def test_sets_without_any_limit_are_warned_of_once(self, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
        files = configured(app)
        configure_uploads(app, (files, UploadSet("other", ALL, default_dest=lambda app: "/nowhere")))
        (warning,) = self.warnings(caplog)
        assert "'files'" in warning
        assert "MAX_CONTENT_LENGTH" in warning
        assert "MAX_SIZE" in warning

    @pytest.mark.parametrize("setting", ["MAX_CONTENT_LENGTH", "UPLOADED_FILES_MAX_SIZE"])
    def test_either_limit_is_enough(self, app: Flask, caplog: pytest.LogCaptureFixture, setting: str) -> None:
        configured(app, **{setting: 1_000_000})
        assert self.warnings(caplog) == []
