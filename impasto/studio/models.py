"""What the HTTP API answers, in types."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from ..styles.model import About
from .jobs import Job, Point
from .work import slug


class Health(BaseModel):
    """That the server is there."""

    status: Literal["ok"] = "ok"
    version: str


class Style(BaseModel):
    """A style that the server has."""

    name: str
    title: str
    artist: str
    year: str
    licence: str
    adjustable: bool = Field(description="whether strength changes how it is painted, not only how much shows")

    @classmethod
    def of(cls, about: About) -> Style:
        """From what its file says."""
        return cls(**{name: getattr(about, name) for name in cls.model_fields})


class Capabilities(BaseModel):
    """What this server can do beyond what a browser does itself."""

    version: str
    paint: bool
    train: bool
    film: bool
    presets: list[str]
    content: list[str] = Field(description="folders of photographs that may be trained on")
    devices: list[str]
    upload_bytes: int
    film_bytes: int
    pixels: int


class JobStatus(BaseModel):
    """How far a job is."""

    id: str
    kind: Literal["paint", "train", "film"]
    title: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    position: int = Field(description="jobs before it in line")
    progress: float
    rate: float | None = Field(description="frames a second, of a film")
    iteration: int
    iterations: int
    seconds: float
    remaining: float | None
    error: str | None
    stopped: str | None
    notes: list[str] = Field(description="what is not as one would expect of the result")
    cancelling: bool = Field(description="it ends as soon as it can")
    previews: int = Field(description="how many previews there were: the last is at …/preview")
    result: str | None = Field(description="name of the file at …/result")
    history: list[Point] = Field(description="the loss curve; empty in a list of jobs")

    @classmethod
    def of(cls, job: Job, position: int, curve: bool = True) -> JobStatus:
        """From a job as it is now. position: in its line. curve: with its loss curve."""
        same = {name: getattr(job, name) for name in cls.model_fields if name not in ("position", "result", "history")}
        return cls(**same, position=position, result=result_name(job), history=list(job.history) if curve else [])


def result_name(job: Job) -> str | None:
    """What the file that came of a job is called."""
    if job.result is None:
        return None
    if job.kind == "paint":
        return f"{slug(job.title)}{job.result.suffix}"
    return job.name or job.result.name
