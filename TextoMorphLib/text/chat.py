"""A client for OpenAI-compatible chat endpoints: llama.cpp, vLLM, Ollama, or a hosted one.

Servers differ in how they are told to answer in JSON: a schema is tried first, then plain JSON, then words alone.
Patients' texts go to localhost freely, and to any other host only after consent to that host by name, with names,
dates and numbers struck out first, which is no guarantee.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from TextoMorphLib.errors import InputError
from TextoMorphLib.text.identifiers import struck_out

KEY_VARIABLE = "TEXTOMORPH_CHAT_KEY"  # environment variable of the endpoint's key, which is never stored
TIMEOUT_S = (10.0, 120.0)  # to connect, and between two bytes
LONGEST_S = 300.0  # an answer in all
TRIES = 3
LONGEST_WAIT_S = 30.0
MOST_BYTES = 4_000_000  # of an answer
_LOCAL = ("localhost", "127.0.0.1", "::1")


class ChatError(InputError):
    """The endpoint did not answer, or not as asked."""


@dataclass
class Spent:
    """What the endpoint was asked, and what that costs.

    Attributes:
        price: Of a million tokens sent and received, in the endpoint's currency; None if it is not known.
        questions: How many there were.
        cached: Of them those that the cache answered.
        prompt_tokens: Sent,
        completion_tokens: and received, of the answers that tell it.
        untold: Answers that do not.
    """

    price: tuple[float, float] | None = None
    questions: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    untold: int = 0

    @property
    def cost(self) -> float | None:
        """What the tokens cost; None without a price."""
        if self.price is None:
            return None
        return (self.prompt_tokens * self.price[0] + self.completion_tokens * self.price[1]) / 1e6

    def __str__(self) -> str:
        said = f"{self.questions} questions ({self.cached} from the cache)"
        said += f", {self.prompt_tokens} tokens sent, {self.completion_tokens} received"
        said += "" if self.cost is None else f", {self.cost:.4f} at the price given"
        return said + (f"; {self.untold} answers do not tell their tokens" if self.untold else "")


class Chat:
    """An endpoint and its model.

    Args:
        url: Its base, such as http://localhost:8080/v1.
        model: The model's name there.
        consent: The host that texts may be sent to if it is not this computer.
        cache: Folder of answers by the hash of what was asked; None for the user's cache folder.
        price: Of a million tokens sent and received.
        wait: Sleeps between tries, for tests.

    Raises:
        InputError: No URL, or no consent to its host.
    """

    def __init__(
        self,
        url: str,
        model: str,
        consent: str | None = None,
        cache: Path | None = None,
        price: tuple[float, float] | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url, self.model = url.rstrip("/"), model
        self.host, self.local = host_of(url)
        if not self.local and (consent or "").lower() != self.host:
            raise InputError(
                f"the text or picture would leave this computer for {self.host}; if you may send it there, "
                f"add --consent-to-send {self.host}"
            )
        self.cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textomorph" / "chat"
        self.wait = wait
        self.spent = Spent(price)

    def ask(self, system: str, user: str, schema: Mapping[str, Any], picture: bytes | None = None) -> dict[str, Any]:
        """The endpoint's answer as JSON; the same question is asked once.

        Args:
            system: What it is to do.
            user: The text; struck out here where it goes to another host.
            schema: JSON schema of the answer.
            picture: A PNG that it is to look at.

        Raises:
            ChatError: It is down, slow, limits the rate, or does not answer in JSON of this schema.
        """
        if not self.local:
            user = struck_out(user)
        self.spent.questions += 1
        seen = [hashlib.sha256(picture).hexdigest()] if picture is not None else []
        asked = json.dumps([self.url, self.model, system, user, schema, *seen], sort_keys=True)
        path = self.cache / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
        known = _cached(path)
        if known is not None:
            self.spent.cached += 1
            return known
        content = user if picture is None else _with_picture(user, picture)
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": system},
            {"role": "user", "content": content},
        ]
        answer = self._in_json(messages, schema)
        _keep(path, answer)
        return answer

    def _in_json(self, messages: list[dict[str, Any]], schema: Mapping[str, Any]) -> dict[str, Any]:
        formats: list[dict[str, Any] | None] = [
            {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
            {"type": "json_object"},
            None,
        ]
        for form in formats:
            content = self._post(messages, form)
            if content is None:
                continue  # this server does not know the format
            found = _json_in(content)
            if found is not None and fits(found, schema):
                return found
        raise ChatError(f"the endpoint {self.host} does not answer in the JSON that was asked for")

    def _post(self, messages: list[dict[str, Any]], form: dict[str, Any] | None) -> str | None:
        """The content of an answer; None if the server refuses the format."""
        import requests

        body: dict[str, Any] = {"model": self.model, "messages": messages, "temperature": 0}
        if form is not None:
            body["response_format"] = form
        key = os.environ.get(KEY_VARIABLE, "")
        session = requests.Session()
        session.trust_env = not self.local  # no proxy between here and here
        failure = ""
        for number in range(TRIES):
            if number:
                self.wait(min(2.0**number, LONGEST_WAIT_S))
            try:
                with session.post(
                    f"{self.url}/chat/completions",
                    json=body,
                    headers={"Authorization": f"Bearer {key}"} if key else {},
                    timeout=TIMEOUT_S,
                    allow_redirects=False,  # another host is another consent
                    stream=True,
                ) as reply:
                    if reply.status_code in (400, 404, 415, 422, 501) and form is not None:
                        return None
                    if reply.status_code == 429 or reply.status_code >= 500:
                        failure = f"answers {reply.status_code}"
                        self.wait(_retry_after(reply.headers.get("Retry-After", "")))
                        continue
                    if reply.status_code != 200:
                        raise ChatError(f"the endpoint {self.host} answers {reply.status_code}: {_short(_body(reply))}")
                    return self._content(_body(reply))
            except requests.Timeout:
                failure = "does not answer in time"
            except requests.RequestException as error:
                failure = f"cannot be reached ({type(error).__name__})"
        raise ChatError(f"the endpoint {self.host} {failure}, {TRIES} times")

    def _content(self, body: str) -> str:
        try:
            reply = json.loads(body)
            choice = reply["choices"][0]
            content = choice["message"]["content"]
            usage = reply.get("usage") or {}
            self.spent.untold += not usage
            self.spent.prompt_tokens += int(usage.get("prompt_tokens") or 0)
            self.spent.completion_tokens += int(usage.get("completion_tokens") or 0)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ChatError(
                f"the endpoint {self.host} does not answer as a chat endpoint does: {_short(body)}"
            ) from error
        if choice.get("finish_reason") == "length":
            raise ChatError(f"the endpoint {self.host} cut its answer off; raise its limit of tokens")
        if not isinstance(content, str):
            raise ChatError(f"the endpoint {self.host} answers nothing")
        return content


def _with_picture(text: str, picture: bytes) -> list[dict[str, Any]]:
    """A message's parts as vision-language models are asked in."""
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    said = [{"type": "text", "text": text}] if text else []
    return [*said, {"type": "image_url", "image_url": {"url": url}}]


def host_of(url: str) -> tuple[str, bool]:
    """The host of an endpoint's address, and whether it is this computer.

    Raises:
        InputError: It is no address.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # half an IPv6 address
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise InputError(f"'{url}' is no address of an endpoint; write for example http://localhost:8080/v1")
    return host, host in _LOCAL


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value has the shape of a schema: types, required keys, items, enumerations."""
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        return (
            isinstance(value, dict)
            and all(key in value for key in schema.get("required", ()))
            and all(fits(value[key], each) for key, each in properties.items() if key in value)
        )
    if kind == "array":
        return isinstance(value, list) and all(fits(each, schema["items"]) for each in value)
    return isinstance(value, str) and value in schema.get("enum", (value,))


def _json_in(content: str) -> dict[str, Any] | None:
    """The JSON object in an answer, which may stand in a fence or between words."""
    for candidate in (
        content,
        *re.findall(r"```(?:json)?\s*(.*?)```", content, re.DOTALL),
        content[content.find("{") :],
    ):
        try:
            found, _ = json.JSONDecoder().raw_decode(candidate.strip())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def _body(reply: Any) -> str:
    """An answer's text, as long as it comes in time and is no flood."""
    start, parts, size = time.monotonic(), [], 0
    for part in reply.iter_content(65_536):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES or time.monotonic() - start > LONGEST_S:
            raise ChatError("the endpoint's answer does not end")
    return b"".join(parts).decode("utf-8-sig", "replace")


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


def _retry_after(value: str) -> float:
    """Seconds to wait that a server asks for, as a number or as a date."""
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return min(float(value), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return 0.0
    return min(max(until - time.time(), 0.0), LONGEST_WAIT_S)


def _cached(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _keep(path: Path, answer: Mapping[str, Any]) -> None:
    """Keeps an answer for this user alone; one that cannot be kept is asked for again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(answer), encoding="utf-8")
        part.replace(path)
    except OSError:
        return
