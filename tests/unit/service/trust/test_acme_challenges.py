# SPDX-License-Identifier: Apache-2.0
"""Answers to challenges: nothing but the tokens, and a hook that cannot hang or be tricked."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from gatehouse.service.trust import acme_challenges
from gatehouse.service.trust.acme_challenges import (
    DNS_01,
    HTTP_01,
    Answer,
    ChallengeFailed,
    Means,
    answering,
    run_hook,
)
from tests.patience import PATIENCE
from tests.ports import free_port

ANSWER = Answer("mx.example.com", "tok-EN_1", "tok-EN_1.thumb")
WELL_KNOWN = "/.well-known/acme-challenge/"


def means(port: int = 0, hook_timeout: float = PATIENCE) -> Means:
    return Means(http_address="127.0.0.1", http_port=port, hook_timeout=hook_timeout)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def asked(request: bytes) -> bytes:
    async def run() -> bytes:
        port = free_port()
        async with answering(HTTP_01, [ANSWER], means(port), ""):
            return await ask(port, request)

    return asyncio.run(run())


def test_the_token_is_answered_with_its_value() -> None:
    answer = asked(f"GET {WELL_KNOWN}tok-EN_1 HTTP/1.1\r\nHost: mx.example.com\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\ntok-EN_1.thumb")


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1",
        f"GET {WELL_KNOWN} HTTP/1.1",
        f"GET {WELL_KNOWN}other HTTP/1.1",
        f"GET {WELL_KNOWN}../../etc/passwd HTTP/1.1",
        f"POST {WELL_KNOWN}tok-EN_1 HTTP/1.1",
        "\x16\x03\x01",
    ],
)
def test_nothing_else_is_there(line: str) -> None:
    answer = asked(f"{line}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"thumb" not in answer


def test_an_endless_request_is_cut_off() -> None:
    assert asked(b"x" * 100_000) == b""


def test_a_silent_client_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acme_challenges, "REQUEST_SECONDS", 0.05)
    assert asked(b"GET ") == b""


def test_the_listener_ends_with_the_order() -> None:
    async def run() -> None:
        port = free_port()
        async with answering(HTTP_01, [ANSWER], means(port), ""):
            pass
        with pytest.raises(OSError, match=r"refused|Connect"):
            await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(run())


def test_a_port_that_is_taken_is_told() -> None:
    async def run(port: int) -> None:
        async with answering(HTTP_01, [ANSWER], means(port), ""):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ChallengeFailed, match=f"port {port} cannot be listened on"):
            asyncio.run(run(port))


@pytest.mark.parametrize("token", ["../x", "a b", "", "a\r\nX: y", "x" * 600])
def test_a_token_of_forbidden_form_goes_nowhere(token: str) -> None:
    async def run() -> None:
        async with answering(HTTP_01, [Answer("a.example", token, "v")], means(), ""):
            pass

    with pytest.raises(ChallengeFailed, match="forbidden form"):
        asyncio.run(run())


# --- hooks -------------------------------------------------------------------------------------


def hook(folder: Path, text: str) -> str:
    path = folder / "hook"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return str(path)


def test_the_hook_gets_its_arguments_and_is_told_to_clean_up(tmp_path: Path) -> None:
    program = hook(tmp_path, f'echo "$#:$1:$2:$3:$4" >> {tmp_path}/notes\n')

    async def run() -> None:
        wildcard = Answer("*.example.com", "t", "digest")
        async with answering(DNS_01, [wildcard], means(), program):
            pass

    asyncio.run(run())
    assert (tmp_path / "notes").read_text().splitlines() == [
        "4:present:*.example.com:_acme-challenge.example.com:digest",
        "4:cleanup:*.example.com:_acme-challenge.example.com:digest",
    ]


def test_no_shell_looks_at_the_arguments(tmp_path: Path) -> None:
    program = hook(tmp_path, "exit 0\n")
    evil = Answer(f"$(touch {tmp_path}/bad);`touch {tmp_path}/bad`", "t", "v")
    asyncio.run(run_hook(program, "present", evil, PATIENCE))
    assert not (tmp_path / "bad").exists()


def test_secrets_of_the_environment_are_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    program = hook(tmp_path, f"env > {tmp_path}/environment\n")
    asyncio.run(run_hook(program, "present", ANSWER, PATIENCE))
    assert "secret" not in (tmp_path / "environment").read_text()


def test_a_hook_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = hook(tmp_path, "echo one; echo 'no such zone' >&2; exit 3\n")
    with pytest.raises(ChallengeFailed, match="status 3: no such zone"):
        asyncio.run(run_hook(program, "present", ANSWER, PATIENCE))


def test_a_hook_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    program = hook(tmp_path, "sleep 600 &\nsleep 600\n")
    began = time.monotonic()
    with pytest.raises(ChallengeFailed, match="more than"):
        asyncio.run(run_hook(program, "present", ANSWER, 0.2))
    assert time.monotonic() - began < PATIENCE  # its children hold the pipe open


def test_a_hook_that_talks_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    program = hook(tmp_path, "head -c 3000000 /dev/zero; exit 1\n")
    with pytest.raises(ChallengeFailed) as failed:
        asyncio.run(run_hook(program, "present", ANSWER, PATIENCE))
    assert len(str(failed.value)) < 2500


def test_a_hook_that_is_not_there_is_told() -> None:
    with pytest.raises(ChallengeFailed, match="cannot be started"):
        asyncio.run(run_hook("/nowhere/hook", "present", ANSWER, PATIENCE))


def test_what_was_set_is_cleaned_up_when_a_later_one_fails(tmp_path: Path) -> None:
    program = hook(
        tmp_path, f'echo "$1 $2" >> {tmp_path}/notes\n[ "$1 $2" = "present b" ] && exit 1\nexit 0\n'
    )

    async def run() -> None:
        answers = [Answer(name, "t", "v") for name in "abc"]
        async with answering(DNS_01, answers, means(), program):
            raise AssertionError("never gets here")

    with pytest.raises(ChallengeFailed):
        asyncio.run(run())
    assert (tmp_path / "notes").read_text().splitlines() == [
        "present a", "present b", "cleanup a", "cleanup b",
    ]  # fmt: skip
