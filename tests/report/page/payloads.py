"""Payloads of pages written by hand: a run of each task, a large one, and one of hostile text."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

Payload = dict[str, Any]

COLUMNS = 4
CELL = (160, 90)
FRAMES = (4, 12, 20, 28, 36, 44, 52, 60)
LONG = "x" * 30_000
HOSTILE = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "</SCRIPT ><img src=x onerror=window.pwned=1>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<svg><script>window.pwned=1</script></svg>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<body onload=window.pwned=1>",
    "<details open ontoggle=window.pwned=1>",
    "<input autofocus onfocus=window.pwned=1>",
    "<a href='javascript:window.pwned=1'>click</a>",
    "javascript:window.pwned=1",
    "JaVaScRiPt:window.pwned=1",
    "data:text/html,<script>window.pwned=1</script>",
    "vbscript:window.pwned=1",
    '" onmouseover="window.pwned=1',
    "' onmouseover='window.pwned=1",
    "` onmouseover=`window.pwned=1",
    '"><script>window.pwned=1</script>',
    "'><script>window.pwned=1</script>",
    "--><script>window.pwned=1</script>",
    "<!--<script>",
    "]]><script>window.pwned=1</script>",
    "<![CDATA[<script>window.pwned=1</script>]]>",
    "<style>*{display:none}</style>",
    "<style>@import 'http://example.invalid/x.css'</style>",
    "<link rel=stylesheet href=http://example.invalid/x.css>",
    "<base href=http://example.invalid/>",
    "<meta http-equiv=refresh content='0;url=http://example.invalid/'>",
    "<form action=http://example.invalid/><input type=submit>",
    "<object data=http://example.invalid/x.swf>",
    "<math><mi xlink:href='javascript:window.pwned=1'>x</mi></math>",
    "<template><script>window.pwned=1</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    "<textarea></textarea><script>window.pwned=1</script>",
    "<title></title><script>window.pwned=1</script>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&#60;script&#62;window.pwned=1&#60;/script&#62;",
    "&amp;&quot;&apos;&nbsp;&bogus;",
    "%3Cscript%3Ewindow.pwned=1%3C/script%3E",
    "\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned=1}",
    "__proto__",
    "constructor",
    "toString",
    "[object Object]",
    "\u202eright to left override\u202c",
    "\u2066isolate never closed",
    "\u05e9\u05dc\u05d5\u05dd (A) \u05e2\u05d5\u05dc\u05dd",
    "\u0645\u0631\u062d\u0628\u0627 B",
    "zero\u200bwidth\u200djoiner\ufeff",
    "Z\u0351\u036b\u0343\u036a\u0302a\u0336\u0321l\u0334\u0327g\u0335o" * 20,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "control \x00\x01\x07\x08\x0b\x0c\x1b[31mred\x1b[0m\x7f\x9b",
    "carriage\rreturn\r\nand\u2028separators\u2029",
    "lone surrogate \ud800 here",
    LONG,
    "no space " + "/".join(["very-long-path-without-break"] * 60),
    "../../../etc/passwd",
)
"""Text as an output, a question, a file's name or a judge's reply may have it."""


def page(*runs: Payload, **more: Any) -> Payload:
    """Return a page of runs."""
    return {
        "kind": "run",
        "title": " and ".join(run["title"] for run in runs[:2]) + ": tarsier-7b",
        "made": "2026-11-30T09:00:00+00:00",
        "version": "0.3.0",
        "runs": list(runs),
        **more,
    }


def metric(
    name: str, value: float, n: int, subset: str = "overall", accounting: str = "strict", **more: Any
) -> Payload:
    """Return a row of metrics."""
    reach = 0.06 if subset == "overall" else 0.12
    return {
        "name": name,
        "accounting": accounting,
        "subset": subset,
        "value": value,
        "n": n,
        "n_invalid": 0,
        "n_failed": 0,
        "average": "micro",
        "lower": None,
        "upper": None,
        "chance": None,
        "stderr": reach / 1.96,
        "interval": [max(0.0, value - reach), min(1.0, value + reach)],
        "n_clusters": n,
        "n_effective": None,
        **more,
    }


def run(name: str, task: str, samples: list[Payload], **more: Any) -> Payload:
    """Return a run whose counts are those of its samples."""
    ended = [sample["outcome"] for sample in samples]
    failures: dict[tuple[str, str], int] = {}
    for sample in samples:
        if sample["reason"]:
            key = (sample["outcome"], sample["reason"])
            failures[key] = failures.get(key, 0) + 1
    return {
        "name": name,
        "benchmark": name,
        "title": name,
        "paper": "https://example.invalid/paper",
        "homepage": "https://example.invalid/",
        "task": task,
        "model": "tarsier-7b",
        "judge": None,
        "protocol": None,
        "date": "2026-11-30",
        "folder": "results/runs/2026-11-30_tarsier-7b",
        "fingerprint": "5f1c0d9e",
        "unfinished": False,
        "updated": 0,
        "builtin": False,
        "complete": True,
        "primary": "accuracy",
        "no_value": None,
        "traits": [{"name": "accuracy", "label": "accuracy", "unit": "percent", "best": 1.0}],
        "metrics": [],
        "counts": {
            "total": len(samples),
            "scored": sum(outcome in {"right", "wrong", "scored"} for outcome in ended),
            "invalid": ended.count("invalid"),
            "model_failed": ended.count("model_failed"),
            "judge_failed": ended.count("judge_failed"),
        },
        "coverage": [],
        "failures": [
            {"status": status, "reason": reason, "label": reason, "n": n}
            for (status, reason), n in sorted(failures.items(), key=lambda entry: -entry[1])
        ],
        "clip_notes": [],
        "time": [],
        "wall_s": None,
        "workers": [],
        "money": [],
        "published": [],
        "beside": [],
        "caveats": [],
        "settings": [{"label": "model.n_frames", "value": "8"}, {"label": "decoder", "value": "pyav 17.1"}],
        "clips": [],
        "samples": samples,
        **more,
    }


def sample(id_: str, outcome: str = "right", **more: Any) -> Payload:
    """Return a sample."""
    return {
        "id": id_,
        "subset": "",
        "groups": [],
        "outcome": outcome,
        "reason": None,
        "clip": None,
        "question": "",
        "prompt": "",
        "options": [],
        "targets": [],
        "output": None,
        "answer": None,
        "target": "",
        "values": {},
        "why": "",
        "marks": [],
        "references": [],
        "verdicts": [],
        **more,
    }


def clip(name: str, *, url: str | None = "clip.mp4", strip: str | None = "strip.png") -> Payload:
    """Return a clip of eight frames at 8 frames a second."""
    return {
        "name": name,
        "media": [
            {
                "file": name,
                "url": url,
                "span": [0.5, 8.0],
                "frames": list(FRAMES),
                "times": [float(Fraction(frame, 8)) for frame in FRAMES],
            }
        ],
        "strip": None
        if strip is None
        else {
            "url": strip,
            "columns": COLUMNS,
            "cell": list(CELL),
            "frames": len(FRAMES),
        },
    }


SUBSETS = ("Action Sequence", "Action Localization", "Egocentric Navigation", "Object Shuffle", "State Change")
ASKED = (
    "What happened after the person took the food?",
    "During which part of the video does the action occur?",
    "For an agent following the instruction, what is its next step?",
    "Where is the hidden object at the end of the game?",
    "Is the lid open when the clip ends?",
)


def multiple_choice(n: int = 60) -> Payload:
    """Return a run in which sample i has target i mod 4; every third answers the next letter, every 20th none."""
    samples = []
    for i in range(n):
        target = "ABCD"[i % 4]
        options = ["Ate the medicine.", "Tidied up the blanket.", "Put down the cup.", "Took the box."]
        answer: str | None = "ABCD"[(i + (i % 3 == 0)) % 4]
        outcome = "right" if answer == target else "wrong"
        output = f"Answer: ({answer}) {options['ABCD'.index(str(answer))]}"
        reason = None
        if i % 20 == 10:
            answer, outcome, output, reason = (
                None,
                "invalid",
                "I cannot tell from the video.",
                "no option in the output",
            )
        subset = SUBSETS[i % 5]
        start = output.find("(")
        samples.append(
            sample(
                f"{subset.lower().replace(' ', '_')}/{i:05d}",
                outcome,
                subset=subset,
                clip=i % 3,
                reason=reason,
                question=ASKED[i % 5],
                prompt=f"<video>\n{ASKED[i % 5]}\nOptions:\n"
                + "\n".join(f"({letter}) {option}" for letter, option in zip("ABCD", options, strict=True))
                + "\nOnly give the best option.",
                options=options,
                targets=[options["ABCD".index(target)]],
                output=output,
                answer=answer,
                target=target,
                values={"accuracy": float(outcome == "right")},
                why=f"The output names ({answer}); the target is ({target})." if answer else "",
                marks=[{"start": start, "end": start + 3, "kind": "answer", "label": "read as the answer"}]
                if answer
                else [],
            )
        )
    values = {subset: 0.38 + 0.09 * i for i, subset in enumerate(SUBSETS)}
    return run(
        "mvbench",
        "mc_qa",
        samples,
        title="MVBench",
        metrics=[
            metric("accuracy", 0.624, n, chance=0.27, n_invalid=3, n_clusters=41),
            metric("accuracy", 0.657, n, accounting="upstream", chance=0.27),
            metric("accuracy", 0.631, n, accounting="tolerant", chance=0.27),
            *(metric("accuracy", v, n // 5, s, chance=0.25 + 0.05 * (v > 0.6)) for s, v in values.items()),
        ],
        coverage=[{"subset": s, "total": 12, "present": 12 - (s == SUBSETS[2])} for s in SUBSETS],
        clip_notes=[{"note": "shorter than its container says: 7.9 of 8.0 s", "n": 2}],
        time=[
            {"stage": "wait", "seconds": 4.2, "what": "the model waited for frames"},
            {"stage": "encode", "seconds": 61.0, "what": "frames through the vision encoder"},
            {"stage": "prefill", "seconds": 148.5, "what": "prompts through the language model"},
            {"stage": "generate", "seconds": 33.9, "what": "tokens of the outputs"},
            {"stage": "score", "seconds": 0.4, "what": ""},
        ],
        wall_s=251.0,
        workers=[
            {"name": "gpu 0", "clips": 21, "samples": 31, "waiting": 0.21},
            {"name": "gpu 1", "clips": 20, "samples": 29, "waiting": 0.21},
        ],
        published=[
            {
                "model": "Tarsier-7B",
                "metric": "accuracy",
                "value": 0.626,
                "source": "https://example.invalid/card",
                "comparable": True,
                "note": "",
            },
            {
                "model": "Tarsier-34B",
                "metric": "accuracy",
                "value": 0.676,
                "source": "Table 3 of the paper",
                "comparable": False,
                "note": "16 frames instead of 8",
            },
        ],
        caveats=["60 of 4,000 samples: drawn with seed 0.", "Decoded by pyav; the published number used decord."],
        clips=[clip("star/Charades_v1_480/A0001.mp4"), clip("b.mp4", url=None), clip("tiny.gif", url="clip.gif")],
    )


def open_answers(n: int = 30) -> Payload:
    """Return a run of open questions that a judge graded."""
    samples = []
    for i in range(n):
        outcome = ("right", "wrong", "right", "judge_failed" if i % 8 == 3 else "right")[i % 4]
        failed = outcome == "judge_failed"
        reply = "{'pred': 'yes', 'score': 5}" if outcome == "right" else "{'pred': 'no', 'score': 1}"
        verdict = {"stage": "grade", "label": None, "reply": "", "error": "the reply is empty"}
        graded = {"stage": "grade", "label": "yes" if outcome == "right" else "no", "reply": reply, "error": None}
        samples.append(
            sample(
                f"v{i}_{i}",
                outcome,
                clip=0,
                groups=["what" if i % 2 else "who"],
                question="what is a man doing?" if i % 2 else "who is playing?",
                prompt="<video>\nwhat is a man doing?",
                targets=["guitar"],
                output="The man is playing the guitar on a stage.",
                answer="The man is playing the guitar on a stage.",
                target="guitar",
                reason="the reply is empty" if failed else None,
                values={} if failed else {"accuracy": float(outcome == "right"), "contains": 1.0, "token_f1": 0.2},
                why="" if failed else f"The judge said {graded['label']}.",
                verdicts=[verdict if failed else graded],
            )
        )
    return run(
        "msvd_qa",
        "oe_qa",
        samples,
        title="MSVD-QA",
        judge="gpt-3.5-turbo-0125",
        protocol="tarsier",
        traits=[
            {"name": "accuracy", "label": "accuracy", "unit": "percent", "best": 1.0},
            {"name": "contains", "label": "contains the target", "unit": "percent", "best": 1.0},
            {"name": "token_f1", "label": "token F1", "unit": "percent", "best": 1.0},
        ],
        metrics=[metric("accuracy", 0.7, n, n_failed=4, lower=0.6, upper=0.73), metric("contains", 0.9, n)],
        money=[{"what": "judge", "requests": 30, "tokens_in": 4210, "tokens_out": 330, "cost": "$0.0026"}],
        clips=[clip("YouTubeClips/a b (1).avi")],
    )


def captions(n: int = 12) -> Payload:
    """Return a run of captions with references, in which n-grams are marked."""
    text = "a man is playing the guitar"
    output = "a man is playing a guitar on stage"
    samples = [
        sample(
            f"video{i}",
            "scored",
            clip=0,
            prompt="<video>\nDescribe the video in one sentence.",
            output=output,
            answer=output,
            target=text,
            targets=[text],
            values={"cider": 0.31 + i / 50},
            why="3-grams and shorter ones in common with 2 of 2 references.",
            marks=[{"start": 0, "end": 16, "kind": "ngram", "label": "a man is playing"}],
            references=[
                {"text": text, "marks": [{"start": 0, "end": 16, "kind": "ngram", "label": "a man is playing"}]},
                {
                    "text": "someone plays a guitar",
                    "marks": [{"start": 14, "end": 22, "kind": "ngram", "label": "a guitar"}],
                },
            ],
        )
        for i in range(n)
    ]
    return run(
        "msvd_caption",
        "caption",
        samples,
        title="MSVD-Caption",
        primary="cider",
        traits=[{"name": "cider", "label": "CIDEr", "unit": "percent", "best": 10.0}],
        metrics=[metric("cider", 1.254, n, interval=[1.11, 1.39])],
        clips=[clip("a.mp4")],
    )


def descriptions(n: int = 6) -> Payload:
    """Return a run of AutoDQ."""
    reference = "A woman opens the door. She walks into a dark room. A cat jumps off the table."
    output = "A woman walks into a room. The cat sleeps on the table. She smiles."
    events = {
        "reference": [
            {"text": "A woman opens the door", "label": "neutral", "reason": "No door is named.", "span": [0, 23]},
            {"text": "She walks into a dark room", "label": "entailment", "reason": "Said so.", "span": [24, 51]},
            {
                "text": "A cat jumps off the table",
                "label": "contradiction",
                "reason": "The cat sleeps there.",
                "span": [52, 78],
            },
        ],
        "prediction": [
            {"text": "A woman walks into a room", "label": "entailment", "reason": None, "span": [0, 26]},
            {"text": "The cat sleeps", "label": "contradiction", "reason": "It jumps.", "span": [27, 55]},
            {"text": "She smiles", "label": None, "reason": None, "span": None},
        ],
    }
    samples = [
        sample(
            f"dream/{i}",
            "scored",
            subset="Live-action" if i % 2 else "Animation",
            clip=0,
            prompt="<video>\nDescribe the video in detail.",
            output=output,
            answer=output,
            target=reference,
            targets=[reference],
            values={"f1": 1 / 3, "precision": 1 / 3, "recall": 1 / 3},
            why="1 of 3 events of the reference is in the description, 1 of 3 of the description in the reference.",
            references=[{"text": reference, "marks": []}],
            verdicts=[
                {"stage": "events", "label": None, "reply": '{"events": ["A woman walks into a room"]}', "error": None},
                {
                    "stage": "relationship",
                    "label": None,
                    "reply": '[{"event": "...", "relationship": "entailment"}]',
                    "error": None,
                },
            ],
            events=events,
        )
        for i in range(n)
    ]
    percent = {"unit": "percent", "best": 1.0}
    return run(
        "dream_1k",
        "description",
        samples,
        title="DREAM-1K",
        judge="gpt-3.5-turbo-0125",
        protocol="autodq",
        primary="f1",
        traits=[
            {"name": n, "label": label, **percent}
            for n, label in (("f1", "F1"), ("precision", "precision"), ("recall", "recall"))
        ],
        metrics=[
            metric("f1", 1 / 3, n),
            metric("precision", 1 / 3, n),
            metric("recall", 1 / 3, n),
            metric("f1", 0.35, n // 2, "Animation"),
            metric("f1", 0.31, n // 2, "Live-action"),
        ],
        clips=[clip("videos/1.mp4")],
    )


def large(n: int = 13_691) -> Payload:
    """Return a run of as many samples as the test set of TGIF-QA's frame questions has."""
    words = ("cat", "dog", "guitar", "woman", "three", "red", "jumping", "kitchen")
    samples = []
    for i in range(n):
        said = words[(i * 7) % 8]
        wanted = words[(i * 5) % 8]
        right = said == wanted
        question = f"what is the {words[i % 8]} number {i} doing in the {words[(i * 3) % 8]}?"
        reply = f"{{'pred': '{'yes' if right else 'no'}', 'score': {5 if right else 1}}}"
        samples.append(
            sample(
                f"tumblr_n{i * 7919 % 99991:05d}_{i}",
                "right" if right else "wrong",
                subset="FrameQA",
                clip=i,
                question=question,
                prompt=f"<video>\n{question}\nAnswer the question using a single word or phrase.",
                targets=[wanted],
                output=f"The answer is {said}.",
                answer=f"The answer is {said}.",
                target=wanted,
                values={"accuracy": float(right), "contains": float(right)},
                why=f"The judge said {'yes' if right else 'no'}.",
                verdicts=[{"stage": "grade", "label": "yes" if right else "no", "reply": reply, "error": None}],
            )
        )
    return run(
        "tgif_qa",
        "oe_qa",
        samples,
        title="TGIF-QA",
        judge="gpt-3.5-turbo-0125",
        protocol="tarsier",
        metrics=[metric("accuracy", 0.6, n)],
        clips=[clip(f"tumblr_n{i}.gif", url=f"../data/gifs/tumblr_n{i}.gif", strip=None) for i in range(n)],
    )


def hostile() -> Payload:
    """Return a page with every hostile text in every place that takes text from outside."""
    samples = [
        sample(
            f"{i} {text}",
            ("right", "wrong", "invalid", "model_failed")[i % 4],
            subset=text,
            groups=[text],
            reason=text,
            clip=i,
            question=text,
            prompt=text,
            options=[text, "other"],
            targets=[text],
            output=text,
            answer=text,
            target=text,
            values={"accuracy": 0.0},
            why=text,
            marks=[{"start": 0, "end": min(3, len(text)), "kind": "answer", "label": text}],
            references=[{"text": text, "marks": [{"start": 0, "end": 1, "kind": "ngram", "label": text}]}],
            verdicts=[{"stage": text, "label": text, "reply": text, "error": text}],
            **(
                {
                    "events": {
                        "reference": [{"text": text, "label": "neutral", "reason": text, "span": [0, 1]}],
                        "prediction": [{"text": text, "label": "entailment", "reason": text, "span": [0, 1]}],
                    }
                }
                if i % 2
                else {}
            ),
        )
        for i, text in enumerate(HOSTILE)
    ]
    runs = []
    for n, task in enumerate(("oe_qa", "mc_qa")):
        text = HOSTILE[n]
        runs.append(
            run(
                f"{n} {text}",
                task,
                samples,
                title=text,
                benchmark=text,
                paper=HOSTILE[11],
                homepage=HOSTILE[12],
                model=LONG[:500],
                judge=HOSTILE[3],
                protocol=HOSTILE[4],
                date=HOSTILE[5],
                folder=HOSTILE[6],
                fingerprint=HOSTILE[7],
                traits=[{"name": "accuracy", "label": HOSTILE[8], "unit": "percent", "best": 1.0}],
                metrics=[
                    metric("accuracy", 0.1, 60),
                    *(metric("accuracy", 0.1, 1, text) for text in HOSTILE),
                ],
                coverage=[{"subset": text, "total": 2, "present": 1} for text in HOSTILE],
                clip_notes=[{"note": text, "n": 1} for text in HOSTILE],
                time=[{"stage": text[:200], "seconds": 1.0, "what": text} for text in HOSTILE[:6]],
                wall_s=6.0,
                workers=[{"name": text, "clips": 1, "samples": 1, "waiting": 0.0} for text in HOSTILE[:3]],
                money=[
                    {"what": text, "requests": 1, "tokens_in": None, "tokens_out": None, "cost": text}
                    for text in HOSTILE
                ],
                published=[
                    {
                        "model": text,
                        "metric": "accuracy",
                        "value": 0.5,
                        "source": text,
                        "comparable": bool(i % 2),
                        "note": text,
                    }
                    for i, text in enumerate(HOSTILE)
                ],
                caveats=list(HOSTILE),
                settings=[{"label": text, "value": text} for text in HOSTILE],
                clips=[
                    {**clip(text, url=None, strip=None), "media": [{**clip(text)["media"][0], "url": None}]}
                    for text in HOSTILE
                ],
            )
        )
    return page(*runs, title=HOSTILE[1], version=HOSTILE[2])


def write_media(folder: Path) -> None:
    """Write the picture, the video and the animation that the clips above name."""
    import av
    import numpy as np
    from PIL import Image, ImageDraw

    width, height = CELL
    rows = -(-len(FRAMES) // COLUMNS)
    strip = Image.new("RGB", (width * COLUMNS, height * rows))
    pictures = []
    for i in range(len(FRAMES)):
        picture = Image.new("RGB", CELL, (40 + 20 * i, 90, 190 - 15 * i))
        ImageDraw.Draw(picture).ellipse([15 * i, 20, 15 * i + 40, 60], fill=(240, 220, 120))
        strip.paste(picture, (i % COLUMNS * width, i // COLUMNS * height))
        pictures.append(picture)
    strip.save(folder / "strip.png")
    pictures[0].save(folder / "clip.gif", save_all=True, append_images=pictures[1:], duration=125, loop=0)
    with av.open(str(folder / "clip.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("h264", rate=8)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(72):
            shown = np.asarray(pictures[min(7, i // 9)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
