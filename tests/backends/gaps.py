"""What each test server is known not to show, measured; an entry whose promise holds by now fails its test."""

from __future__ import annotations

from uploadkit.testing.checks_direct import DIRECT
from uploadkit.testing.checks_downloads import DOWNLOADS
from uploadkit.testing.checks_forms import FORMS
from uploadkit.testing.checks_parts import PRESIGNED_PARTS
from uploadkit.testing.checks_signing import SIGNING
from uploadkit.testing.gaps import Unsteady

_UNSIGNED = "moto verifies no signatures, expiries, signed headers or form policies"
_UNKNOWN_UPLOAD = "moto fails with a KeyError of its own on a part of an unknown upload"

#: Moto as a server over a socket.
MOTO = {
    **dict.fromkeys(
        (
            *("signed_urls_are_of_one_key", "signed_urls_cannot_be_changed", "signed_urls_only_read"),
            *("signed_urls_are_of_one_method", "signed_urls_live_from_their_moment"),
            *("signed_urls_expire", "direct_puts_have_one_length", "direct_puts_need_their_headers"),
            *("direct_puts_have_one_type", "direct_puts_are_of_one_key", "direct_puts_cannot_be_changed"),
            *("direct_puts_expire", "forms_refuse_other_lengths", "forms_are_of_one_key", "forms_have_one_type"),
            *("forms_refuse_more_fields", "forms_cannot_be_changed", "forms_expire"),
            *("presigned_parts_are_of_one_number", "presigned_parts_hold_to_their_length"),
            "presigned_parts_are_of_one_upload",
            *("presigned_parts_cannot_be_changed", "presigned_parts_expire"),
        ),
        _UNSIGNED,
    ),
    "signed_head_urls_answer_as_asked": "moto ignores at a HEAD the parameters that replace type and disposition",
    **dict.fromkeys(("unknown_uploads_are_not_found", "a_completed_upload_is_gone"), _UNKNOWN_UPLOAD),
}

_NO_THREADS = Unsteady("moto in process is not made for threads that overwrite each other's files")
_TWO_STEPS = Unsteady("moto looks for the key and stores in two steps, between which threads of its process can meet")
_NO_HTTP = Unsteady("moto in process answers boto3 only, no request from anywhere else")

#: Moto in the process of the test.
MOTO_IN_PROCESS = {
    **dict.fromkeys(
        (
            *("overwriting_threads_never_mix", "readers_see_whole_files"),
            *("snapshots_are_of_one_content", "streams_are_of_one_content"),
        ),
        _NO_THREADS,
    ),
    **dict.fromkeys(("one_thread_wins", "one_completion_wins"), _TWO_STEPS),
    **{check.__name__: _NO_HTTP for check in (*SIGNING, *DOWNLOADS, *DIRECT, *FORMS, *PRESIGNED_PARTS)},
    **dict.fromkeys(("unknown_uploads_are_not_found", "a_completed_upload_is_gone"), _UNKNOWN_UPLOAD),
}

_FOLDERS = "SeaweedFS keeps folders: a key cannot be both a file and the beginning of others"
_REPLACED_PART = "SeaweedFS keeps a part that was replaced, and takes its etag at completion"

#: SeaweedFS, a real store.
SEAWEED = {
    "lists_in_key_order": "SeaweedFS lists folder by folder, not in the order of the whole keys",
    "lists_by_prefix": _FOLDERS,
    "deletes_exactly_the_given_files": _FOLDERS,
    "a_part_sent_again_replaces_the_first": _REPLACED_PART,
    "completion_refuses_a_replaced_part": _REPLACED_PART,
    "a_completed_upload_is_gone": "SeaweedFS judges the condition before it looks for the upload",
    "forms_refuse_more_fields": "SeaweedFS accepts a Content-Disposition that the form's policy does not have",
}

_NO_CONDITION = "the emulators ignore conditions on compose"
_NOT_VERIFIED = "the emulators verify no signatures, expiries or signed headers"
_NO_OVERRIDES = "the emulators ignore the parameters that replace type and disposition"
_NO_ETAG = "the emulators answer a PUT without an ETag"

_GCS = {
    "one_completion_wins": Unsteady(_NO_CONDITION),
    **dict.fromkeys(("signed_urls_answer_as_asked", "signed_head_urls_answer_as_asked"), _NO_OVERRIDES),
    **dict.fromkeys(
        (
            *("signed_urls_are_of_one_key", "signed_urls_cannot_be_changed", "signed_urls_only_read"),
            *("signed_urls_are_of_one_method", "signed_urls_live_from_their_moment"),
            *("signed_urls_expire", "direct_puts_have_one_length", "direct_puts_never_overwrite_unasked"),
            *("direct_puts_need_their_headers", "direct_puts_have_one_type", "direct_puts_are_of_one_key"),
            *("direct_puts_cannot_be_changed", "direct_puts_expire", "presigned_parts_hold_to_their_length"),
            *("presigned_parts_cannot_be_changed", "presigned_parts_expire"),
        ),
        _NOT_VERIFIED,
    ),
    "presigned_parts_make_the_file": _NO_ETAG,
}

#: fake-gcs-server.
FAKE_GCS = {
    **_GCS,
    **dict.fromkeys(
        (
            *("forms_refuse_other_lengths", "forms_are_of_one_key", "forms_have_one_type"),
            *("forms_refuse_more_fields", "forms_cannot_be_changed", "forms_expire"),
        ),
        "fake-gcs-server verifies no form policies",
    ),
}

_NO_RACES = Unsteady("gcp-storage-emulator knows no conditions, so races have several winners")
_NO_VERSIONS = Unsteady("gcp-storage-emulator tells no generation of what it sends")
_ONE_AT_A_TIME = Unsteady("gcp-storage-emulator answers one request at a time: a stream that is open blocks it")
_NO_DISPOSITION = "gcp-storage-emulator answers a GET without the disposition that is stored"

#: gcp-storage-emulator.
GCP_EMULATOR = {
    **_GCS,
    **dict.fromkeys(
        ("copies_within", "copies_have_their_own_disposition"),
        "gcp-storage-emulator ignores the attributes of a rewrite",
    ),
    **dict.fromkeys(("streams_run_beside_each_other", "an_open_stream_is_never_mixed"), _ONE_AT_A_TIME),
    "streams_are_of_one_content": _NO_VERSIONS,
    "signed_head_urls_look_up": "gcp-storage-emulator answers no HEAD",
    **{check.__name__: _NO_DISPOSITION for check in DOWNLOADS},
    **dict.fromkeys(("one_thread_wins", "one_process_wins"), _NO_RACES),
    **dict.fromkeys(("readers_see_whole_files", "snapshots_are_of_one_content"), _NO_VERSIONS),
    "direct_puts_store_the_file": "gcp-storage-emulator fails at an empty PUT",
    "direct_puts_store_the_attributes": "gcp-storage-emulator drops the attributes of a PUT",
    **dict.fromkeys(
        [check.__name__ for check in FORMS if check.__name__.startswith("forms_store_")],
        "gcp-storage-emulator knows no forms",
    ),
}
