"""The HTTP API: what may be asked, and who does it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, UploadFile
from fastapi.responses import FileResponse, Response
from fastapi.sse import EventSourceResponse

from .. import images
from ..optimizing.presets import PRESETS
from ..stylizing.stylization import LARGEST_SIDE, check_options
from ..version import __version__
from . import films, work
from .context import FILM_DEVICE, Context
from .jobs import FINISHED, Job
from .models import Capabilities, Health, JobStatus, Style, result_name
from .settings import Limits

DECODED_QUALITY = 95  # of JPEG that is painted from
TICK = 0.5  # seconds between looks at a job that is watched
FORMATS = {"png": ("PNG", "image/png"), "jpeg": ("JPEG", "image/jpeg"), "webp": ("WEBP", "image/webp")}
PreserveColor = Literal["luminance", "match"]


def context_of(request: Request) -> Context:
    """The server's."""
    context: Context = request.app.state.context
    return context


def job_of(id: str, context: Annotated[Context, Depends(context_of)]) -> Job:
    """The job of an address."""
    job = context.jobs.get(id)
    if job is None:
        raise HTTPException(404, "no such job: it was removed, or the server was started anew")
    return job


In = Annotated[Context, Depends(context_of)]
Known = Annotated[Job, Depends(job_of)]
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "not an image, or an option out of its range"},
    413: {"description": "too many bytes or pixels"},
    429: {"description": "too much to do already"},
}
api = APIRouter(prefix="/api")
health = APIRouter()


@health.get("/healthz")
def is_healthy() -> Health:
    """Whether the server is there."""
    return Health(version=__version__)


@api.get("/capabilities")
def capabilities(context: In) -> Capabilities:
    """What this server can do beyond what a browser does itself."""
    settings = context.settings
    return Capabilities(
        version=__version__, paint=context.device is not None, train=context.trains and bool(settings.content),
        film=context.films, presets=list(PRESETS), content=sorted(settings.content), devices=context.jobs.devices,
        upload_bytes=settings.limits.upload, film_bytes=settings.limits.film, pixels=settings.limits.pixels,
    )  # fmt: skip


@api.get("/styles")
def styles(context: In) -> list[Style]:
    """The styles that come with Impasto, and those trained here."""
    return [Style.of(about) for about in context.gallery.list()]


@api.get("/styles/{name}/model", response_class=FileResponse, responses={404: {"description": "no such style"}})
def model(name: str, context: In) -> FileResponse:
    """A style model: one .onnx file."""
    return FileResponse(context.gallery.file(name), media_type="application/octet-stream", filename=f"{name}.onnx")


@api.post("/stylize", response_class=Response, responses=ERRORS | {
    200: {"content": {kind: {} for _, kind in FORMATS.values()}, "description": "the stylized image"},
    404: {"description": "no such style"},
})  # fmt: skip
async def stylize(
    context: In,
    image: UploadFile,
    style: Annotated[str, Form()],
    strength: Annotated[float, Form(ge=0, le=1)] = 1.0,
    style_scale: Annotated[float, Form(ge=0.1, le=10)] = 1.0,
    size: Annotated[int | None, Form(ge=1, le=LARGEST_SIDE)] = None,
    preserve_color: Annotated[PreserveColor | None, Form()] = None,
    format: Annotated[Literal["png", "jpeg", "webp"], Form()] = "jpeg",
    quality: Annotated[int, Form(ge=1, le=100)] = images.DEFAULT_QUALITY,
    keep_metadata: Annotated[bool, Form(description="date, author, copyright and camera")] = False,
) -> Response:
    """Paint a photograph in a style, in one pass of its network."""
    check_options(strength, style_scale, size, preserve_color)
    context.gallery.file(style)  # an unknown style is told before anything waits
    encoder, media_type = FORMATS[format]
    async with context.turn():
        needed = None if size is None else images.for_long_side(size)
        data = await _picture(image, "image", context.settings.limits, needed)

        def check(result: tuple[int, int]) -> None:
            limit = context.settings.limits.pixels
            if _pixels(result) > limit:
                raise HTTPException(413, f"the result would have more than {limit / 1e6:.0f} megapixels")
            images.check_size(result, encoder)

        def painted() -> bytes:
            picture = context.stylizer(style).picture(
                data, strength=strength, style_scale=style_scale, size=size, preserve_color=preserve_color,
                on_size=check,
            )  # fmt: skip
            return images.encode(picture, encoder, quality, images.kept_metadata(data) if keep_metadata else None)

        return Response(await anyio.to_thread.run_sync(painted), media_type=media_type)


@api.post("/decode", response_class=Response, responses=ERRORS | {
    200: {"content": {"image/jpeg": {}, "image/png": {}}, "description": "the same image, PNG where it has alpha"},
})  # fmt: skip
async def decode(context: In, image: UploadFile) -> Response:
    """What a browser has no decoder for (HEIC, TIFF, raw) as an image that it reads: upright, in sRGB, with 8 bits."""
    async with context.turn():
        data = await _picture(image, "image", context.settings.limits)

        def decoded() -> tuple[bytes, str]:
            picture = images.load(data)
            encoder, media_type = FORMATS["jpeg" if picture.alpha is None else "png"]
            return images.encode(picture, encoder, DECODED_QUALITY), media_type

        content, media_type = await anyio.to_thread.run_sync(decoded)
        return Response(content, media_type=media_type)


@api.get("/jobs")
def jobs(context: In) -> list[JobStatus]:
    """All jobs, the newest first, without their loss curves."""
    return [_status(job, context, curve=False) for job in context.jobs.all()]


@api.post("/jobs/paint", status_code=202, responses=ERRORS | {503: {"description": "torch is not installed here"}})
async def paint(
    context: In,
    photo: UploadFile,
    paintings: list[UploadFile],
    preset: Annotated[str, Form()] = "default",
    size: Annotated[int, Form(ge=16, le=4096)] = 512,
    strength: Annotated[float, Form(ge=0, le=1)] = 1.0,
    style_scale: Annotated[float, Form(ge=0.1, le=10)] = 1.0,
    preserve_color: Annotated[PreserveColor | None, Form()] = None,
    content_weight: Annotated[float | None, Form(ge=0, le=1000)] = None,
    seed: Annotated[int, Form(ge=0, le=2**31)] = 0,
    keep_metadata: Annotated[bool, Form(description="date, author, copyright and camera")] = False,
) -> JobStatus:
    """Paint a photograph in the style of paintings by the iterative method: minutes, any painting."""
    device = _device(context)
    if len(paintings) >= context.settings.limits.files:
        raise HTTPException(413, f"too many files: {context.settings.limits.files} at most")
    if preset not in PRESETS:
        raise HTTPException(400, f"unknown preset '{preset[:80]}': choose from {', '.join(PRESETS)}")
    context.jobs.check_room(device)
    folder = context.jobs.new_folder()
    with _removed_if_refused(folder):
        limits = context.settings.limits
        source = await _kept(photo, folder / "photo", "photograph", limits, images.for_long_side(size))
        seen = images.for_area((size * style_scale) ** 2)
        targets = [
            await _kept(one, folder / f"painting-{i}", "painting", limits, seen) for i, one in enumerate(paintings)
        ]
        options = {
            "preset": preset, "size": size, "strength": strength, "style_scale": style_scale, "seed": seed,
            "preserve_color": preserve_color, "content_weight": content_weight,
        }  # fmt: skip
        job = Job("paint", _stem(photo.filename), folder, work.paint(source, targets, device, options, keep_metadata))
        return _status(context.jobs.submit(job, device), context)


@api.post("/jobs/train", status_code=202, responses=ERRORS | {
    404: {"description": "no such folder of photographs"}, 503: {"description": "training is not installed here"},
})  # fmt: skip
async def train(
    context: In,
    painting: UploadFile,
    content: Annotated[str, Form(description="a folder that the server allows")],
    title: Annotated[str, Form(min_length=1, max_length=120)],
    minutes: Annotated[float, Form(ge=0.1, le=24 * 60)] = 20.0,
    artist: Annotated[str, Form(max_length=120)] = "",
    year: Annotated[str, Form(max_length=40)] = "",
    style_scale: Annotated[float, Form(ge=0.1, le=10)] = 1.0,
) -> JobStatus:
    """Teach a network a painting; the style appears among the others when it is done."""
    device = _device(context)
    if not context.trains:
        raise HTTPException(503, "this server cannot train: pip install 'impasto[train]'")
    if content not in context.settings.content:
        raise HTTPException(404, "no such folder of photographs: it must be allowed when the server is started")
    context.jobs.check_room(device)
    folder = context.jobs.new_folder()
    with _removed_if_refused(folder):
        source = await _kept(painting, folder / "painting", "painting", context.settings.limits)
        kept = context.settings.folder
        options = {"minutes": minutes, "artist": artist, "year": year, "style_scale": style_scale}
        done = work.train(source, context.settings.content[content], kept / "runs", kept / "styles", device, options)
        return _status(context.jobs.submit(Job("train", title, folder, done), device), context)


@api.post("/jobs/film", status_code=202, openapi_extra=films.BODY, responses=ERRORS | {
    400: {"description": "not a film, or an option out of its range"}, 404: {"description": "no such style"},
    503: {"description": "films cannot be painted here"}, 507: {"description": "no space left on the disk"},
})  # fmt: skip
async def film(
    context: In,
    request: Request,
    style: Annotated[str, Query()],
    name: Annotated[str, Query(max_length=255, description="of the file")] = "film.mp4",
    strength: Annotated[float, Query(ge=0, le=1)] = 1.0,
    style_scale: Annotated[float, Query(ge=0.1, le=10)] = 1.0,
    size: Annotated[int | None, Query(ge=16, le=LARGEST_SIDE)] = None,
    preserve_color: Annotated[PreserveColor | None, Query()] = None,
    start: Annotated[float | None, Query(ge=0, description="seconds")] = None,
    stop: Annotated[float | None, Query(ge=0, description="seconds")] = None,
    codec: Annotated[str, Query(max_length=20)] = "auto",
) -> JobStatus:
    """Paint a film, the body of the request, with its sound; frame by frame, held still."""
    if not context.films:
        raise HTTPException(503, "this server cannot paint films: pip install 'impasto[studio,video]'")
    model = context.gallery.file(style)
    context.jobs.check_room(FILM_DEVICE)
    folder = context.jobs.new_folder()
    with _removed_if_refused(folder):
        options = {
            "strength": strength, "style_scale": style_scale, "size": size, "preserve_color": preserve_color,
            "start": start, "stop": stop, "codec": codec,
        }  # fmt: skip
        title = _stem(name, "film")
        source, target = films.places(folder, name)
        films.check_options(source, model, target, options)
        await films.receive(request, source)
        with work.film_told(source, title):
            about = await anyio.to_thread.run_sync(films.look, source, target, codec)
        if max(_pixels(about.size), _pixels(films.painted_size(about, size))) > context.settings.limits.pixels:
            raise HTTPException(413, f"the film has more than {context.settings.limits.pixels / 1e6:.0f} megapixels")
        done = work.film(source, model, target, float(about.rate), options)
        job = Job("film", title, folder, done, name=f"{title}-{style}{target.suffix}")
        return _status(context.jobs.submit(job, FILM_DEVICE), context)


@api.get("/jobs/{id}", responses={404: {"description": "no such job"}})
def job_status(job: Known, context: In) -> JobStatus:
    """How far a job is."""
    return _status(job, context)


@api.get("/jobs/{id}/events", response_class=EventSourceResponse, responses={404: {"description": "no such job"}})
async def events(job: Known, context: In) -> AsyncIterator[JobStatus]:
    """A job's status whenever it changes, until it is finished: server-sent events."""
    told = -1
    while True:
        version = job.version
        if version != told:
            told, status = version, _status(job, context)
            yield status
            if status.state in FINISHED:
                return
        await asyncio.sleep(TICK)


@api.get("/jobs/{id}/preview", response_class=Response, responses={
    200: {"content": {"image/jpeg": {}}}, 404: {"description": "no such job, or no preview yet"},
})  # fmt: skip
def preview(job: Known) -> Response:
    """How a job's picture looks now; of a training, sample photographs."""
    if job.preview is None:
        raise HTTPException(404, "there is no preview yet")
    return Response(job.preview, media_type="image/jpeg")


@api.get("/jobs/{id}/result", response_class=FileResponse, responses={404: {"description": "no such job or result"}})
def result(job: Known) -> FileResponse:
    """The picture, the style model or the film that came of a job; parts of it, where a range is asked for."""
    if job.result is None or not job.result.exists():
        raise HTTPException(404, "there is no result")
    # Without a type, which systems know of few films, browsers would not play it.
    return FileResponse(job.result, filename=result_name(job), media_type=films.MEDIA_TYPES.get(job.result.suffix))


@api.post("/jobs/{id}/stop", responses={404: {"description": "no such job"}})
def stop(job: Known, context: In) -> JobStatus:
    """End a job that runs, and keep what there is."""
    job.stop()
    return _status(job, context)


@api.post("/jobs/{id}/cancel", responses={404: {"description": "no such job"}})
def cancel(job: Known, context: In) -> JobStatus:
    """End a job that waits or runs, and keep nothing; one that is finished stays as it is."""
    context.jobs.cancel(job)
    return _status(job, context)


@api.delete("/jobs/{id}", status_code=204, response_class=Response, responses={
    404: {"description": "no such job"}, 409: {"description": "it is not finished: cancel it first"},
})  # fmt: skip
def delete(job: Known, context: In) -> None:
    """Forget a finished job, and its files."""
    if not job.finished:
        raise HTTPException(409, "the job is not finished: cancel it first")
    context.jobs.remove(job)


# --- parts -------------------------------------------------------------------------------------------------


def _status(job: Job, context: Context, curve: bool = True) -> JobStatus:
    return JobStatus.of(job, context.jobs.position(job), curve)


def _device(context: Context) -> str:
    if context.device is None:
        raise HTTPException(503, "this server cannot paint: pip install 'impasto[torch]'")
    return context.device


def _stem(name: str | None, otherwise: str = "picture") -> str:
    """An uploaded file's name for people: never a path."""
    stem = Path((name or "").replace("\\", "/")).stem
    return "".join(letter for letter in stem if letter.isprintable())[:80] or otherwise


def _pixels(size: tuple[int, int]) -> int:
    return size[0] * size[1]


async def _picture(upload: UploadFile, what: str, limits: Limits, needed: images.Needed | None = None) -> bytes:
    """An uploaded image's bytes, if it is one and what is needed of it not too large."""
    data = await upload.read()
    size = await anyio.to_thread.run_sync(images.size_of, data, what, needed)
    if _pixels(size) > limits.pixels:
        raise HTTPException(413, f"the {what} has more than {limits.pixels / 1e6:.0f} megapixels")
    return data


async def _kept(upload: UploadFile, path: Path, what: str, limits: Limits, needed: images.Needed | None = None) -> Path:
    """An uploaded image in a job's folder."""
    data = await _picture(upload, what, limits, needed)
    await anyio.to_thread.run_sync(path.write_bytes, data)
    return path


@contextlib.contextmanager
def _removed_if_refused(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


