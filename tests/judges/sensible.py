"""A reply function for the stand-in server that reads the prompts of every protocol and answers as the offline judge.

So a run over HTTP has numbers that are known without it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from eval.judges.calls import JudgeCall, JudgeTask
from eval.judges.offline import OfflineJudge
from tests.client.faults import Request

UPSTREAM_LIKE: dict[str, Any] = {
    "name": "upstream",
    "open_qa": {
        "system": "You compare answers.",
        "user": "Question: {{question}}\nCorrect Answer: {{answer}}\nPredicted Answer: {{prediction}}\n\nGrade as a "
        "Python dictionary.",
    },
    "extract": {"system": "", "user": "Video Description: {{description}}\n\nExtract its events as a dictionary."},
    "entail": {
        "system": "",
        "user": "Video Description:\n{{description}}\n\nEvents: {{events|python}}\nCopy each event into JSON with a "
        "relationship and a reason.",
    },
}
"""A wording of the shape of upstream's, in other words."""


def sensible(request: Request) -> str:
    """Answer a call of any protocol as the offline judge does."""
    text = request.text
    found = _upstream(text) or _marked(text) or _native(text)
    task, inputs, form = found
    call = JudgeCall(task=task, sample="", system="", user="", inputs=inputs, form=form)
    reply = OfflineJudge().ask([call])[0].text or ""
    if form == "upstream" and task == "entail":
        return _verbose(reply, inputs["events"])
    return reply


def _native(text: str) -> tuple[JudgeTask, dict[str, Any], str]:
    if "Reference answer: " in text:
        answer, prediction = _json_after(text, "Reference answer: "), _json_after(text, "Candidate: ")
        return "open_qa", {"answer": answer, "prediction": prediction}, "native"
    description = _json_after(text, "Description, as a JSON string: ")
    if "\nEvents:\n" not in text:
        return "extract", {"description": description}, "native"
    events = re.findall(r"^\d+\. (.*)$", text.partition("\nEvents:\n")[2], re.MULTILINE)
    form = "indexed" if '{"1": "e"' in text else "native"
    return "entail", {"description": description, "events": events}, form


def _marked(text: str) -> tuple[JudgeTask, dict[str, Any], str] | None:
    tag = re.search(r"==== (\w+) ", text)
    if tag is None:
        return None
    parts = [part.replace("^", " ") for part in re.split(r"^==== .*$\n", text, flags=re.MULTILINE)]
    inputs: dict[str, Any] = {"tag": tag[1]}
    if "Reference answer: " in text:
        answer = re.search(r"Reference answer: (.*)", text)
        inputs |= {"answer": answer[1].replace("^", " ") if answer else "", "prediction": parts[1].strip()}
        return "open_qa", inputs, "tagged"
    inputs["description"] = parts[1].strip()
    if " events start" not in text:
        return "extract", inputs, "tagged"
    inputs["events"] = re.findall(r"^\d+\. (.*)$", parts[2], re.MULTILINE)
    return "entail", inputs, "tagged"


def _upstream(text: str) -> tuple[JudgeTask, dict[str, Any], str] | None:
    if "Correct Answer: " in text:
        answer = text.partition("Correct Answer: ")[2].partition("\nPredicted Answer: ")
        return "open_qa", {"answer": answer[0], "prediction": answer[2].rpartition("\n\n")[0]}, "upstream"
    if "Video Description: " in text:
        return "extract", {"description": text.partition("Video Description: ")[2].rpartition("\n\n")[0]}, "upstream"
    if "Video Description:\n" in text:
        import ast

        description, _, rest = text.partition("Video Description:\n")[2].rpartition("\n\nEvents: ")
        events = ast.literal_eval(rest.rpartition("\n")[0] or rest)
        return "entail", {"description": description, "events": events}, "upstream"
    return None


def _verbose(reply: str, events: list[str]) -> str:
    """Copy the events and give reasons, as upstream asks."""
    labels = [entry["relationship"] for entry in json.loads(reply)["events"]]
    reason = "The description says so in its own words, as far as it goes."
    rows = [{"event": e, "relationship": label, "reason": reason} for e, label in zip(events, labels, strict=True)]
    return json.dumps({"events": rows}, indent=1)


def _json_after(text: str, heading: str) -> str:
    return str(json.JSONDecoder().raw_decode(text.partition(heading)[2])[0])
