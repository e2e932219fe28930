"""Where AppSync's clients go wrong, and what holds us back: 45 traps, each with its tests, or why it is none of ours.

Most of them cost somebody a night: they stand in issues of other clients and in what was seen on the wire. A row names
the tests that fail when we step into it, as `path::name` below `tests/`.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent


class Trap(NamedTuple):
    """One way to go wrong.

    Attributes:
        words: What one does wrong.
        tests: What holds it.
        elsewhere: Why nothing here can hold it; then there are no tests.
    """

    words: str
    tests: tuple[str, ...] = ()
    elsewhere: str = ""


AUTH, APPSYNC, PROTOCOL = "appsync/auth", "appsync", "appsync/protocol"

TRAPS = {
    1: Trap(
        "make the real-time URL of a custom domain by replacing a part of its host",
        (f"{APPSYNC}/test_endpoint.py::test_the_realtime_url_follows_from_the_graphql_url",),
    ),
    2: Trap(
        "name the real-time host in the authorization",
        (
            f"{APPSYNC}/test_endpoint.py::test_authorization_speaks_of_the_graphql_host_with_its_port",
        ),
    ),
    3: Trap(
        "offer the protocol of another family",
        (
            "backend/realtime/test_session.py::test_another_protocol_is_refused",
            f"{APPSYNC}/test_shared.py::test_a_server_of_another_protocol_is_left",
        ),
    ),
    4: Trap(
        "write padded base64 into the sub-protocol",
        (f"{AUTH}/test_handshake.py::test_any_authorization_survives_the_sub_protocol",),
    ),
    5: Trap(
        "write base64 into a URL as it is",
        (
            f"{AUTH}/test_handshake.py::test_either_base64_is_read_from_sub_protocol_and_query",
            f"{AUTH}/test_init.py::test_the_handshake_carries_it_to_the_server_by_each_channel",
        ),
    ),
    6: Trap(
        "log the handshake",
        (
            f"{APPSYNC}/test_realtime.py::test_frames_are_logged_with_arrows_and_without_secrets",
            f"{APPSYNC}/test_http.py::test_no_key_shows_in_log_or_error",
            "test_redact.py::test_no_part_of_a_secret_is_left",
        ),
    ),
    7: Trap(
        "send a second Host header",
        (
            f"{APPSYNC}/test_realtime.py::test_the_upgrade_names_its_own_host_and_the_authorization_that_of_graphql",
        ),
    ),
    8: Trap(
        "sign connect as start, or start as connect",
        (
            f"{AUTH}/test_iam.py::test_the_signer_makes_the_known_signatures",
            f"{AUTH}/test_iam.py::test_a_signature_for_one_purpose_is_none_for_another",
        ),
    ),
    9: Trap(
        "write the data of a start once to sign it and once more to send it",
        (
            f"{PROTOCOL}/test_subscriptions.py::test_a_start_carries_the_authorization_made_for_it",
            f"{AUTH}/test_iam.py::test_both_ends_agree_on_any_body_and_on_no_other",
        ),
    ),
    10: Trap(
        "keep a signature or a token for the next connection",
        (
            f"{AUTH}/test_iam.py::test_each_attempt_is_signed_anew",
            f"{AUTH}/test_token.py::test_a_function_is_asked_anew_each_time",
        ),
    ),
    11: Trap(
        "send the data of a start as an object",
        (f"{APPSYNC}/test_messages.py::test_the_data_of_a_start_goes_out_as_a_string",),
    ),
    12: Trap(
        "start before the connection is acknowledged",
        (
            f"{PROTOCOL}/test_client.py::test_a_subscription_wanted_before_the_ack_starts_after_it",
            f"{PROTOCOL}/test_server.py::test_what_comes_before_the_ack_is_ignored",
        ),
    ),
    13: Trap(
        "take start_ack for a promise that events arrive",
        (
            "jobs/test_feed.py::test_each_start_of_the_subscription_asks_at_once_and_twice_later",
            "chaos/test_chaos.py::test_after_a_storm_every_client_has_what_the_database_has",
        ),
    ),
    14: Trap(
        "ask first and subscribe then",
        (
            "jobs/test_feed.py::test_each_start_of_the_subscription_asks_at_once_and_twice_later",
            "jobs/test_feed.py::test_after_a_reset_all_jobs_are_what_the_backend_has",
        ),
    ),
    15: Trap(
        "count on order, or on each event coming once",
        (
            "jobs/test_store.py::test_any_order_of_events_ends_with_the_newest_of_each",
            "chaos/test_merge.py::test_the_order_of_arrival_does_not_matter",
        ),
    ),
    16: Trap(
        "take the time of a write for its version",
        (
            "jobs/test_store.py::test_a_newer_version_wins",
            "jobs/test_reader.py::test_in_any_order_and_twice_the_job_ends_as_it_was_last_written",
        ),
    ),
    17: Trap(
        "wait five minutes for a keep-alive",
        (
            f"{PROTOCOL}/test_client.py::test_silence_makes_a_connection_stale_then_lost",
            f"{APPSYNC}/test_realtime.py::test_a_peer_that_answers_no_ping_is_left_for_another",
        ),
    ),
    18: Trap(
        "count only keep-alives as signs of life",
        (
            f"{PROTOCOL}/test_client.py::test_any_frame_revives_a_stale_connection",
            f"{APPSYNC}/test_realtime.py::test_events_are_as_good_as_a_pong",
        ),
    ),
    19: Trap(
        "make a subscription for each job",
        (
            "jobs/test_subscriptions.py::test_one_subscription_serves_a_group",
            f"{APPSYNC}/test_shared.py::test_a_hundred_and_one_subscriptions_have_two_connections",
        ),
    ),
    20: Trap(
        "count only acknowledged subscriptions towards the limit",
        (
            f"{PROTOCOL}/test_server.py::test_pending_starts_count_towards_the_limit",
            f"{PROTOCOL}/test_subscriptions.py::test_what_was_stopped_counts_until_the_server_has_said_so",
        ),
    ),
    21: Trap(
        "forget the subscription that is given up before its acknowledgement",
        (
            f"{PROTOCOL}/test_subscriptions.py"
            "::test_a_subscription_stopped_before_its_ack_is_stopped_at_the_server_after_it",
            f"{PROTOCOL}/test_subscriptions.py::test_a_start_that_answers_too_late_is_stopped",
        ),
    ),
    22: Trap(
        "use an id twice",
        (
            f"{PROTOCOL}/test_subscriptions.py::test_a_start_without_answer_is_made_again_under_a_new_id",
            f"{PROTOCOL}/test_server.py::test_an_id_in_use_is_refused_and_the_one_that_uses_it_goes_on",
        ),
    ),
    23: Trap(
        "take errors for a list with types",
        (
            f"{APPSYNC}/test_messages.py::test_frames_that_were_seen_on_the_wire_are_understood",
            f"{PROTOCOL}/test_tables.py::test_each_kind_of_error_has_its_consequence_under_any_package",
        ),
    ),
    24: Trap(
        "let an error without an id end everything, or nothing",
        (
            f"{PROTOCOL}/test_subscriptions.py"
            "::test_a_throttle_pauses_all_starts_and_leaves_the_live_ones_alone",
            f"{PROTOCOL}/test_subscriptions.py"
            "::test_an_error_without_id_that_forbids_refuses_the_starts_in_flight",
        ),
    ),
    25: Trap(
        "close the socket of all because one is refused",
        (
            f"{APPSYNC}/test_shared.py::test_a_refused_subscription_ends_alone",
            f"{PROTOCOL}/test_errors_of_the_service.py::test_what_concerns_one_leaves_the_others_alone",
        ),
    ),
    26: Trap(
        "try refused credentials for ever",
        (
            f"{APPSYNC}/test_shared_credentials.py"
            "::test_credentials_that_stay_refused_stop_the_attempts_until_asked",
            f"{APPSYNC}/test_http.py::test_credentials_that_are_refused_twice_are_given_up",
        ),
    ),
    27: Trap(
        "take complete for success",
        (
            f"{PROTOCOL}/test_subscriptions.py"
            "::test_an_end_by_the_server_is_a_loss_and_the_start_is_made_again",
        ),
    ),
    28: Trap(
        "pass null for a filter that is not wanted",
        (
            "jobs/test_operations.py::test_a_subscription_names_only_the_argument_that_it_filters_by",
            "backend/realtime/test_topics.py::test_a_null_argument_matches_what_is_null_or_was_not_selected",
        ),
    ),
    29: Trap(
        "select little in a mutation",
        (
            "jobs/test_operations.py::test_every_mutation_publishes_all_fields_under_their_own_names",
            "jobs/test_bulk.py::test_each_job_of_many_is_accepted_and_publishes_its_event",
        ),
    ),
    30: Trap(
        "forbid null in the fields of an event",
        (
            "test_contract.py::test_only_the_id_of_a_job_is_never_null",
            "jobs/test_feed.py::test_an_event_without_a_usable_body_makes_it_ask",
        ),
    ),
    31: Trap(
        "write past the API, so that nothing is published",
        ("backend/realtime/test_session.py::test_a_subscriber_sees_a_job_from_submission_to_end",),
    ),
    32: Trap(
        "let an event grow over 240 KB",
        (
            "jobs/test_limits.py"
            "::test_a_submit_that_no_event_could_carry_is_refused_before_it_is_sent",
            "backend/api/test_mutations.py::test_too_large_an_update_names_size_and_limit",
            "backend/realtime/test_topics.py::test_an_event_over_the_limit_is_dropped_and_counted",
        ),
    ),
    33: Trap(
        "take status 200 for success",
        (
            f"{APPSYNC}/test_http_faults.py"
            "::test_each_fault_is_one_error_and_tried_again_only_where_that_is_safe",
        ),
    ),
    34: Trap(
        "look for the type of an error under extensions",
        (
            f"{APPSYNC}/test_answers.py::test_a_refusal_keeps_what_the_service_said",
            "backend/api/test_resolvers.py::test_an_error_stands_as_appsync_writes_it",
        ),
    ),
    35: Trap(
        "take every answer for JSON",
        (f"{APPSYNC}/test_answers.py::test_each_answer_means_one_error",),
    ),
    36: Trap(
        "repeat a submission that has no id of its own",
        (
            "jobs/test_calls.py::test_a_job_that_is_submitted_twice_is_one_job",
            "jobs/test_following.py::test_a_submission_whose_answer_is_lost_is_never_repeated",
        ),
    ),
    37: Trap(
        "come back in step with all others, or begin with short waits too soon",
        (
            f"{APPSYNC}/test_backoff.py::test_waits_are_spread_from_zero",
            f"{APPSYNC}/test_backoff.py::test_only_what_worked_for_a_minute_begins_anew",
        ),
    ),
    38: Trap(
        "come back without the subscriptions, or with all of them at once",
        (
            f"{APPSYNC}/test_shared.py::test_a_lost_socket_is_replaced_and_everything_starts_again",
            f"{PROTOCOL}/test_subscriptions.py::test_at_most_ten_starts_are_in_flight",
        ),
    ),
    39: Trap(
        "be surprised by the end of a connection after a day",
        (
            f"{APPSYNC}/test_channel.py"
            "::test_an_old_socket_is_replaced_without_a_word_and_without_a_loss",
            f"{APPSYNC}/test_timing.py::test_a_socket_is_replaced_an_hour_before_the_service_closes_it",
        ),
    ),
    40: Trap(
        "protect fields by @aws_auth beside other modes",
        elsewhere="a directive of an API's own schema; ours names no modes, and no client can see it",
    ),
    41: Trap(
        "fail at a frame of an unknown type",
        (
            f"{PROTOCOL}/test_client.py::test_an_unknown_frame_is_passed_over",
            f"{APPSYNC}/test_shared.py"
            "::test_a_frame_of_a_newer_server_is_passed_over_with_a_word_in_the_log",
        ),
    ),
    42: Trap(
        "ask the proxy of the environment for this machine",
        (
            f"{APPSYNC}/test_tls.py::test_this_machine_is_never_asked_for_by_a_proxy",
            f"{APPSYNC}/test_realtime.py::test_the_environments_proxy_is_not_asked_for_this_machine",
        ),
    ),
    43: Trap(
        "send a token that is longer than a line of the handshake may be",
        (
            f"{AUTH}/test_token.py"
            "::test_a_token_too_long_for_the_handshake_is_refused_with_its_length",
            f"{APPSYNC}/test_modes.py::test_the_longest_token_passes_the_handshake",
        ),
    ),
    44: Trap(
        "run callbacks where frames are read",
        (
            "jobs/test_callbacks.py::test_nothing_is_called_from_within_the_one_who_tells",
            "jobs/test_callbacks.py"
            "::test_news_that_comes_while_a_slow_callback_runs_waits_and_is_joined",
        ),
    ),
    45: Trap(
        "use the socket of one event loop on another",
        (
            f"{APPSYNC}/test_client.py::test_a_client_is_bound_to_the_loop_it_was_first_used_on",
            f"{APPSYNC}/test_http.py::test_a_transport_belongs_to_one_loop_at_a_time",
        ),
    ),
}


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file; of parametrized ones, without their parameters."""
    tree = ast.parse((TESTS / path).read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_all_traps_are_here() -> None:
    assert sorted(TRAPS) == list(range(1, 46))


@pytest.mark.parametrize("number", TRAPS)
def test_a_trap_names_tests_that_exist_or_a_reason(number: int) -> None:
    trap = TRAPS[number]
    named = [test.split("::") for test in trap.tests]
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (TESTS / path).is_file() or name not in names_in(path)
    ]

    assert trap.words
    assert bool(trap.tests) != bool(trap.elsewhere)
    assert missing == [], f"trap {number}, to {trap.words}, is held by nothing of that name"
