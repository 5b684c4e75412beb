"""The API key is in no file, log, message or traceback, whatever a server does with it."""

from __future__ import annotations

import base64
import gzip
import logging
import traceback

import httpx2
import pytest

from eval.__main__ import main
from eval.judges.canaries import canaries
from tests.cli.judged import many_questions, served, settings
from tests.cli.runs import evaluate, needs_world
from tests.client import faults
from tests.client.faults import Fault, Reply, Request, error, response
from tests.client.server import JudgeServer
from tests.judges.sensible import sensible

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("read_here")]

KEY = "Zq8vT3nLw5RkXy7JpD2hMb6c"
PIECE = 10
"""Characters of the key that count as a leak: a message that is cut short may hold a part of it."""
GOOD = '{"pred": "yes", "score": 5}'


def answer(name, build):
    async def send(wire):
        wire.writer.write(build(wire))
        await wire.writer.drain()
        return True

    return Fault(name=name, send=send)


def saying(status, text):
    """Answer with an error that says this, `{key}` being the key that was sent."""
    return answer("saying", lambda w: response(status, error(text.replace("{key}", w.request.sent_key or ""))))


def completing(**extra):
    """Answer with a good reply whose other fields hold the key."""
    return answer("completing", lambda w: response(200, w.completion(Reply(
        text=GOOD, extra={name: value.replace("{key}", w.request.sent_key or "") for name, value in extra.items()}
    ))))  # fmt: skip


def replying(build):
    return answer("replying", lambda w: response(200, w.completion(build(w.request.sent_key or ""))))


def with_headers(status):
    def build(wire):
        key = wire.request.sent_key or ""
        told = {"X-Echo": f"Bearer {key}", "Set-Cookie": f"k={key}", "X-Request-Id": key, "Retry-After-Ms": "1"}
        body = wire.completion(Reply(text=GOOD)) if status == 200 else error("no")
        return response(status, body, told)

    return answer("with_headers", build)


PASSING = [
    *(saying(status, "The key {key} is not for this.") for status in (400, 422, 429, 500, 503)),
    # The places at which messages are cut, so that a key stands across each of them.
    *(saying(500, "x" * n + " {key} " + "y" * 500) for n in (40, 60, 270, 280, 1180)),
    *(answer("cut", lambda w, n=n: response(200, f"{'<' * n}{w.request.sent_key}".encode())) for n in (50, 60, 70)),
    with_headers(200), with_headers(500), with_headers(429),
    replying(lambda key: Reply(text=f'{GOOD}\nMy key is {key}')),
    replying(lambda key: Reply(text=f"{'x' * 65} {key}")),
    replying(lambda key: Reply(text=None, refusal=f"{'x' * 190} {key}")),
    replying(lambda key: Reply(text=GOOD, finish_reason=f"stop {key}")),
    # Escaped, as JSON may have it.
    answer("escaped", lambda w: response(200, str(w.completion(Reply(text=GOOD))).encode() + "".join(
        f"\\u{ord(letter):04x}" for letter in w.request.sent_key or "").encode())),
    answer("escaped", lambda w: response(500, b'{"error": {"message": "' + "".join(
        f"\\u{ord(letter):04x}" for letter in w.request.sent_key or "").encode() + b'"}}')),
    completing(system_fingerprint="{key}"),
    faults.reset(), faults.reset_mid_body(), faults.truncated_body(), faults.truncated_json(),
]  # fmt: skip
FATAL = [
    faults.wrong_key(),
    saying(403, "x" * 280 + "{key}"),
    answer("redirect", lambda w: response(302, b"", {"Location": f"/{w.request.sent_key}"})),
    answer("quota", lambda w: response(429, error(f"{w.request.sent_key}", code="insufficient_quota"))),
]


def number(request: Request) -> int | None:
    """Return the number of the question in a request, or None for the probe."""
    told = request.text.partition("what is number ")[2].partition("?")[0]
    return int(told) if told.isdigit() else None


def leaks_in(content: bytes, key: str = KEY) -> list[str]:
    pieces = [key[i : i + PIECE] for i in range(len(key) - PIECE + 1)]
    coded = [base64.b64encode(b" " * shift + key.encode())[4:-4].decode() for shift in range(3)]
    return [piece for piece in [*pieces, *coded] if piece.encode() in content]


class Watch:
    """Runs commands, and looks everywhere for the key afterwards."""

    def __init__(self, root, capsys):
        self.root, self.capsys = root, capsys
        self.seen: list[str] = []

    def run(self, command, *more):
        """Run a command of the program, or a function that does; keep what it shows and raises."""
        code = None
        try:
            code = command(*more) if callable(command) else main([command, *more])
        except Exception as raised:  # noqa: BLE001 - whatever it is, its traceback must not hold the key
            self.seen += traceback.format_exception(raised)
        shown = self.capsys.readouterr()
        self.seen += [shown.out, shown.err]
        return code

    def assert_clean(self):
        assert not [(leaks_in(text.encode()), text) for text in self.seen if leaks_in(text.encode())]
        files = [path for path in self.root.rglob("*") if path.is_file()]
        assert {"log.txt"} <= {path.name for path in files}
        for path in files:
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            lines = [line[:300] for line in content.splitlines() if leaks_in(line)]
            assert not lines, (path.name, lines[:3])


@pytest.fixture
def watch(tmp_path, monkeypatch, capsys):
    """Everything is logged, at level DEBUG, into a file below `tmp_path`."""
    import eval.client.http  # noqa: F401 - its loggers must be there

    monkeypatch.setenv("JUDGE_KEY", KEY)
    few = canaries()[::8]
    monkeypatch.setattr("eval.judges.canaries.canaries", lambda: few)
    handler = logging.FileHandler(tmp_path / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s"))
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    logging.getLogger("tests").debug("begins")
    yield Watch(tmp_path, capsys)
    logging.getLogger().removeHandler(handler)
    handler.close()
    for logger, level in before:
        logger.setLevel(level)


def judge_of(provider, server):
    """Return what names the server, as a judge of each kind of provider."""
    name, url = {
        "local": (server.url, []),
        "openai": ("openai:stand-in", [f"judge.url={server.url}"]),
        "azure": ("azure:stand-in", [f"judge.url={server.root}"]),
    }[provider]
    return served(name, *url, "judge.key_env=JUDGE_KEY", "judge.tries=1", "judge.deadline_s=0.5")


def score_many(root, out, judge, n):
    pred = many_questions(root / "p.jsonl", n)
    return [
        *("score", "--pred", str(pred), "--bench", "msvd-qa", "--out", str(root / out), "--protocol", "native"),
        *(*judge, *settings(root)),
    ]


@pytest.mark.parametrize("provider", ["local", "openai", "azure"])
def test_no_passing_fault_gives_the_key_away(provider, tmp_path, watch):
    def fault(request):
        asked = number(request)
        return None if asked is None or asked % 2 else PASSING[asked // 2]

    n = 2 * len(PASSING)
    with JudgeServer(lambda _: GOOD, key=KEY, faults=fault) as server:
        judge = judge_of(provider, server)
        assert watch.run(*score_many(tmp_path, "s", judge, n)) == 1
        assert all(exchange.request.sent_key == KEY for exchange in server.requests)
        assert len(server.requests) > n
    bundle = str(tmp_path / "b.tar.gz")
    assert watch.run("judge", "export", "--run", str(tmp_path / "s"), "--to", bundle) == 0
    watch.run("judge", "replay", "--bundle", bundle, "--out", str(tmp_path / "r"))
    assert (tmp_path / "r" / "result.json").exists()
    assert (tmp_path / "v.sqlite").stat().st_size > 0
    watch.assert_clean()


@pytest.mark.parametrize("provider", ["local", "openai", "azure"])
@pytest.mark.parametrize("fatal", FATAL, ids=["wrong key", "no access", "redirect", "quota"])
def test_no_fatal_fault_gives_the_key_away(provider, fatal, tmp_path, watch):
    with JudgeServer(lambda _: GOOD, key=KEY, faults=lambda r: fatal if (number(r) or 0) > 1 else None) as server:
        assert watch.run(*score_many(tmp_path, "later", judge_of(provider, server), 6)) == 1
    with JudgeServer(lambda _: GOOD, key=KEY, faults=lambda _: fatal) as server:
        assert watch.run("judge", "check", *judge_of(provider, server), *settings(tmp_path)) == 2
    watch.assert_clean()


@needs_world
@pytest.mark.parametrize("provider", ["local", "openai", "azure"])
def test_eval_and_check_do_not_give_the_key_away(provider, tmp_path, watch):
    def reply(request):
        said = "{}" if "Greet me" in request.text else sensible(request)  # the probe is no question
        return Reply(text=f"{said} {KEY}", extra={"id": KEY})

    def fault(request):
        return PASSING[request.index % len(PASSING)] if request.index % 3 == 2 else None

    with JudgeServer(reply, key=KEY, faults=fault) as server:
        judge = [*judge_of(provider, server), *settings(tmp_path)]
        run = tmp_path / "run"
        more = ["judge_check=true", "model.outputs=[two dogs,a red ball]"]
        code = watch.run(lambda: evaluate(run, *judge, *more, bench="msvd-qa"))
        assert code in (0, 1), watch.seen
        assert (run / "verdicts.jsonl").exists()
        assert watch.run("judge", "check", *judge) in (0, 1, 2)
    watch.assert_clean()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (f"{KEY}\n", 0),
        (f"{KEY}\r\n", 0),
        (f"{KEY[:12]}\n{KEY[12:]}", 2),
        (f"{KEY}\u00e9", 2),
        (f"\u201c{KEY}\u201d", 2),
    ],
    ids=["line break behind", "carriage return", "line break inside", "not ASCII", "typographic quotes"],
)
def test_a_key_that_was_pasted_badly(given, code, tmp_path, watch, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", given)
    for provider in ("local", "azure"):
        with JudgeServer(lambda _: GOOD, key=KEY) as server:
            command = score_many(tmp_path, provider, judge_of(provider, server), 4)
            assert watch.run(*command) == code
            assert len(server.requests) == (5 if code == 0 else 0)
            assert watch.run("judge", "check", *judge_of(provider, server), *settings(tmp_path)) == max(code, 1)
    watch.assert_clean()


@pytest.mark.parametrize("where", ["the transport", "the parser", "the store"])
def test_an_exception_inside_the_client(where, tmp_path, watch, monkeypatch):
    def raising(*args, **kwargs):
        raise ZeroDivisionError("a fault of this program's own")

    async def telling(self, request, **_):
        told = dict(request.headers)
        raise RuntimeError(f"{'x' * 280} {told.get('authorization', told.get('api-key'))}")

    if where == "the transport":
        monkeypatch.setattr(httpx2.AsyncClient, "send", telling)
    elif where == "the parser":
        monkeypatch.setattr("eval.client.http.from_body", raising)
    else:
        monkeypatch.setattr("eval.client.store.ReplyStore.put", raising)
    for provider in ("local", "openai", "azure"):
        with JudgeServer(lambda _: GOOD, key=KEY) as server:
            command = score_many(tmp_path, provider, judge_of(provider, server), 4)
            assert watch.run(*command) != 0
    assert where == "the transport" or any("ZeroDivisionError" in text for text in watch.seen)
    watch.assert_clean()


def test_a_key_in_place_of_its_variables_name_is_not_repeated(tmp_path, watch):
    for given in (f"sk-{KEY}", f"{KEY}=="):
        judge = served("http://127.0.0.1:9/v1", f"judge.key_env='{given}'")
        assert watch.run(*score_many(tmp_path, "s", judge, 2)) == 2
    assert "takes the name of an environment variable" in "".join(watch.seen)
    watch.assert_clean()


def test_a_model_that_is_served_under_the_name_of_the_key(tmp_path, watch):
    with JudgeServer(lambda _: GOOD, key=KEY, served=f"m-{KEY}") as server:
        assert watch.run(*score_many(tmp_path, "s", judge_of("local", server), 2)) == 0
    watch.assert_clean()


def test_a_model_list_that_holds_the_key(tmp_path, watch):
    with JudgeServer(lambda _: GOOD, key=KEY, models=[f"a-{KEY}", "b"]) as server:
        judge = [*judge_of("local", server), "judge.model=null"]
        assert watch.run(*score_many(tmp_path, "s", judge, 2)) == 2
    assert "has 2 models" in "".join(watch.seen)
    watch.assert_clean()


def test_a_leak_would_be_seen():
    assert leaks_in(f"...{KEY[3:15]}...".encode())
    assert leaks_in(base64.b64encode(f"user:{KEY}".encode()))
    assert not leaks_in(b"[key]")
