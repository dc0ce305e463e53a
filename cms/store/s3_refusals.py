"""Says why an S3 server does not do what it is asked, and notes what its answers tell of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from cms.clock import machine_time
from cms.errors import Unavailable
from cms.store.s3_client import code_of

Right = Literal["list", "read", "write", "delete"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request failed: the status of the answer, None when none came, the server's own code or the name of the
    error, and the error itself where there is one."""

    status: int | None
    code: str
    error: Exception | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return self.code if self.status is None or str(self.status) == self.code else f"{self.status} {self.code}"

    @property
    def is_denied(self) -> bool:
        """Whether the server has said no, and may be believed."""
        return self.status is not None and 400 <= self.status < 500


class Refusals:
    """Attempts at one server. `clock_s` is by how many seconds its clock is ahead of this machine's, None until it has
    answered."""

    def __init__(self) -> None:
        self.clock_s: float | None = None

    def of(self, act: Callable[[], Any]) -> Refusal | None:
        """Return why the request that `act` makes failed, None when it did not."""
        try:
            answer = act()
        except ClientError as error:
            about = error.response["ResponseMetadata"]
            self._note(about["HTTPHeaders"])
            return Refusal(about["HTTPStatusCode"], code_of(error) or str(about["HTTPStatusCode"]), error)
        except (BotoCoreError, HTTPError) as error:
            return Refusal(None, type(error).__name__, error)
        except Unavailable as error:
            return Refusal(None, error.code)
        if isinstance(answer, dict):
            self._note(answer["ResponseMetadata"]["HTTPHeaders"])
        return None

    def _note(self, headers: dict[str, str]) -> None:
        try:
            self.clock_s = parsedate_to_datetime(headers["date"]).timestamp() - machine_time()
        except (KeyError, ValueError):
            return
