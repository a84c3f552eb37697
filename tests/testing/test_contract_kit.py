"""The kit notices every broken promise, and reports what it could not show."""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import pytest

from tests.testing import broken, broken_links, broken_multipart, broken_signing, broken_spooling, broken_streaming
from uploadkit.backends.capabilities import Capabilities
from uploadkit.backends.local import LocalBackend
from uploadkit.backends.memory import MemoryBackend
from uploadkit.testing import CHECKS, BackendContract, Subject, run_checks
from uploadkit.testing.checks_completion import COMPLETION
from uploadkit.testing.checks_direct import DIRECT
from uploadkit.testing.checks_downloads import DOWNLOADS
from uploadkit.testing.checks_forms import FORMS
from uploadkit.testing.checks_multipart import MULTIPART
from uploadkit.testing.checks_parts import PRESIGNED_PARTS
from uploadkit.testing.checks_powers import _calls
from uploadkit.testing.checks_signing import SIGNING
from uploadkit.testing.checks_spooling import SPOOLING
from uploadkit.testing.checks_streaming import STREAMING
from uploadkit.testing.subject import put

#: Each broken backend with a check that has to notice it.
BROKEN = [
    (broken.LosesTheLastByte, "stores_exactly_the_bytes"),
    (broken.TranslatesLineEnds, "stores_exactly_the_bytes"),
    (broken.TellsTheWrongSize, "stores_exactly_the_bytes"),
    (broken.LowersKeys, "stores_under_exactly_the_key"),
    (broken.DecodesKeys, "stores_under_exactly_the_key"),
    (broken.TrustsKeysWhenDeleting, "refuses_unsafe_keys"),
    (broken.TrustsKeysInUrls, "refuses_unsafe_keys"),
    (broken.TrustsKeysWhenMoving, "refuses_unsafe_keys"),
    (broken.OverwritesAlways, "never_overwrites_unasked"),
    (broken.SaysExistsButOverwrites, "never_overwrites_unasked"),
    (broken.NeverOverwrites, "overwrites_whole_when_asked"),
    (broken.InheritsMetadata, "overwrites_whole_when_asked"),
    (broken.OverwritesOnlyWhatIsThere, "overwriting_a_missing_file_saves_it"),
    (broken.HasNaiveTimes, "tells_what_is_stored"),
    (broken.KnowsNoTypes, "tells_what_is_stored"),
    (broken.TellsTheWrongSize, "tells_what_is_stored"),
    (broken.DropsMetadata, "keeps_options_or_refuses_them"),
    (broken.DropsDisposition, "keeps_options_or_refuses_them"),
    (broken.ManglesMetadata, "keeps_options_or_refuses_them"),
    (broken.ReadsFromWhereTheStreamIs, "reads_a_seekable_stream_from_its_start"),
    (broken.ClosesTheStream, "reads_a_seekable_stream_from_its_start"),
    (broken.ClosesTheStream, "accepts_unseekable_streams"),
    (broken.ReadsOnce, "accepts_unseekable_streams"),
    (broken.NeedsSeeking, "accepts_unseekable_streams"),
    (broken.StoresWhatItGot, "a_failing_source_stores_nothing"),
    (broken.WrapsTheSourcesError, "a_failing_source_stores_nothing"),
    (broken.DeletesBeforeOverwriting, "a_failed_overwrite_keeps_the_old_file"),
    (broken.StoresWhatItGot, "a_failed_overwrite_keeps_the_old_file"),
    (broken.ShowsUnfinishedFiles, "nobody_sees_a_part"),
    (broken.ListsUnfinishedFiles, "nobody_sees_a_part"),
    (broken.DeletesBeforeOverwriting, "nobody_sees_a_part"),
    (broken.IgnoresTheAnnouncedSize, "holds_the_source_to_its_announced_size"),
    (broken.IgnoresTheChecksum, "holds_the_source_to_its_checksum"),
    (broken.EncodesText, "refuses_text"),
    (broken.MissesDeletedFiles, "deletes_once_and_again"),
    (broken.DeletesByPrefix, "deletes_once_and_again"),
    (broken.OpensLazily, "a_missing_file_is_not_found_at_once"),
    (broken.NamesNoKey, "a_missing_file_is_not_found_at_once"),
    (broken.GivesPipes, "opens_seekable_streams"),
    (broken.SharesOnePosition, "opens_seekable_streams"),
    (broken.MixesWhileReading, "an_open_file_is_never_mixed"),
    (broken.CountsRangesFromOne, "reads_every_kind_of_range"),
    (broken.CountsRangesFromOne, "ranges_are_read_by_their_power"),
    (broken.TakesNegativeRanges, "ranges_are_read_by_their_power"),
    (broken.SignsUrls, "urls_last"),
    (broken.ChangesUrls, "urls_last"),
    (broken.HasPathsLikeUris, "paths_are_local_or_loud"),
    (broken.HasSilentPaths, "paths_are_local_or_loud"),
    (broken.HasErrorsThatStay, "errors_travel"),
    (broken.DeclaresWhatItHasNot, "powers_are_declared_honestly"),
    (broken.HidesWhatItHas, "powers_are_declared_honestly"),
    (broken.ListsInOrderOfSaving, "lists_in_key_order"),
    (broken.ListsByFolder, "lists_by_prefix"),
    (broken.ListsByPattern, "lists_by_prefix"),
    (broken.ListsEagerly, "lists_by_prefix"),
    (broken.CopiesOverFiles, "copies_within"),
    (broken.CopiesWithOldMetadata, "copies_within"),
    (broken.MovesByCopying, "moves_within"),
    (broken.MovesOverFiles, "moves_within"),
    (broken.MovesWithTheOldName, "copies_have_their_own_disposition"),
    (broken.CopiesWithTheOldName, "copies_have_their_own_disposition"),
    (broken.MovesWithoutDisposition, "copies_have_their_own_disposition"),
    (broken.SweepsFiles, "sweeping_spares_files"),
    (broken.LooksThenStores, "one_thread_wins"),
    (broken.WritesInTwoSteps, "overwriting_threads_never_mix"),
    (broken.WritesInTwoSteps, "readers_see_whole_files"),
    *broken_multipart.BROKEN,
    *broken_streaming.BROKEN,
    *broken_spooling.BROKEN,
]
_BY_NAME = {check.name: check for check in CHECKS}
_NEEDS_STREAMING = {function.__name__ for function in (*STREAMING, *SPOOLING)}
_NEEDS_A_SERVER = {function.__name__ for function in (*SIGNING, *DOWNLOADS, *DIRECT, *FORMS, *PRESIGNED_PARTS)}


@pytest.mark.parametrize(("backend", "check"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_a_broken_promise_is_noticed(backend: type[MemoryBackend], check: str) -> None:
    report = run_checks(backend, checks=[_BY_NAME[check]])
    assert not report.kept
    # The kit's own sentence, or the error of the library with which the backend failed; never a slip of the kit's.
    errors = ("AssertionError", "NotFoundError", "AlreadyExists", "IntegrityError", "Unavailable", "Unsupported")
    assert report.results[0].detail.startswith(errors), report


def test_a_race_between_processes_is_noticed(tmp_path: Path) -> None:
    factory = functools.partial(broken.LooksThenStoresOnDisk, str(tmp_path))
    report = run_checks(factory, process_factory=lambda: factory, checks=[_BY_NAME["one_process_wins"]])
    assert "believe that they stored it" in str(report)


def test_every_check_can_fail() -> None:
    noticed = {check for _, check in (*BROKEN, *broken_signing.BROKEN, *broken_links.BROKEN)}
    assert noticed | {"one_process_wins"} == set(_BY_NAME)


def test_every_power_is_asked_whether_it_is_there() -> None:
    assert set(_calls()) == {power.name for power in fields(Capabilities)}


def test_a_sound_backend_keeps_the_contract_also_without_pytest() -> None:
    report = run_checks(MemoryBackend)
    assert report.kept, report
    unshown = {result.check.name for result in report.results if result.outcome == "not shown"}
    assert unshown == {"one_process_wins", "sweeping_spares_files", *_NEEDS_STREAMING, *_NEEDS_A_SERVER}
    assert "no process_factory is given" in str(report)


def test_checks_without_the_power_are_not_shown_rather_than_passed() -> None:
    class Bare:
        """Six methods and nothing else."""

        def __init__(self) -> None:
            inner = MemoryBackend()
            self.name = "bare"
            for method in ("save", "open", "stat", "delete", "url", "path"):
                setattr(self, method, getattr(inner, method))
            inner.name = "bare"

    report = run_checks(Bare)  # type: ignore[arg-type]
    assert report.kept, report
    assert {result.check.name for result in report.results if result.outcome == "not shown"} == {
        *("one_process_wins", "ranges_are_read_by_their_power", "lists_in_key_order", "lists_by_prefix"),
        *("copies_within", "moves_within", "sweeping_spares_files", "opens_snapshots", "snapshots_are_of_one_content"),
        *("deletes_exactly_the_given_files", "deletes_hundreds_at_once"),
        *(function.__name__ for function in (*MULTIPART, *COMPLETION)),
        *_NEEDS_STREAMING,
        *_NEEDS_A_SERVER,
    }


def test_the_pytest_class_has_a_test_for_every_check() -> None:
    tests = {name.removeprefix("test_") for name in vars(BackendContract) if name.startswith("test_")}
    assert tests == set(_BY_NAME)
    assert all(getattr(BackendContract, f"test_{check.name}").__doc__ == check.promise for check in CHECKS)


def test_the_pytest_class_fails_for_a_broken_backend(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        textwrap.dedent(
            """
            from uploadkit.backends.memory import MemoryBackend
            from uploadkit.testing import BackendContract

            class Broken(MemoryBackend):
                def url(self, key):
                    return "https://example.org/?signature=1"

            class TestMine(BackendContract):
                def make_backend(self):
                    return Broken()
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        env={**__import__("os").environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "test_urls_last" in done.stdout
    assert "2 failed" in done.stdout, done.stdout


def test_the_contract_class_asks_for_a_backend() -> None:
    with pytest.raises(NotImplementedError, match="make_backend"):
        BackendContract().make_backend()
    assert Subject(MemoryBackend).process_factory() is None


def test_a_backend_that_is_made_twice_in_one_place_keeps_the_contract(tmp_path: Path) -> None:
    """A check must not find what it left itself."""
    for check in CHECKS:
        place = tmp_path / check.name
        report = run_checks(functools.partial(LocalBackend, place), checks=[check])
        assert report.kept, report


def test_a_maker_that_does_not_return_an_empty_backend_is_told() -> None:
    used = MemoryBackend()
    put(used, "left", b"x")
    report = run_checks(lambda: used, checks=[_BY_NAME["lists_in_key_order"]])
    assert "make_backend() must return an empty one" in str(report)
