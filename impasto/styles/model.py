"""Style models: one `.onnx` file that holds a trained network and says what it is. Torch-free.

The graph takes `image` (B, 3, H, W), RGB in [0, 1], any H and W, and, where the network is adjustable, `strength` (1,)
in [0, 1]; it gives `stylized`, the like of `image`. The metadata entries are strings; `impasto` holds all of them as
JSON.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImpastoError, one_line
from ..files import read_file

if TYPE_CHECKING:
    import onnx

FORMAT = 1  # raised when older versions of Impasto can no longer read the files
ABOUT, PARAMETERS = "impasto", "impasto.parameters"
_SEAL = b"\x72\x19\x0a\x0dimpasto.crc32\x12\x08"  # what stands before the checksum's eight digits, as protobuf has it
LARGEST_SMALLEST = 4096  # px: whatever is narrower than a network's `smallest` is made as wide as that
LARGEST_REACH = 512  # px: around each tile
OLDER_REACH = 64  # px: of any network in files that do not say how far it sees
INPUT, STRENGTH, OUTPUT = "image", "strength", "stylized"
GRAIN = "grain.map"  # the constant in the graph that holds the noise which strokes begin from, where there is any

# What files that somebody else wrote, or damaged, can make the readers below raise.
_DAMAGED = (KeyError, ValueError, TypeError, AttributeError, OverflowError, RecursionError, SyntaxError)


@dataclass(frozen=True)
class About:
    """What a style model says of itself.

    name: an identifier, such as great-wave. title, artist, year, source: of the painting. licence: of the style model.
    network: a name in `networks.NETWORKS`. preset: the training recipe. warm_start: the style model it was trained on
    from, or "". images_seen: photographs, repetitions counted. content_loss, style_loss, validation_loss: on
    photographs held out. adjustable: whether `strength` has an effect. smallest: side in px that it can paint. reach:
    px that it sees to each side, statistics apart; tiles overlap by so much. grain_cell: px of the image for each entry
    of the graph's noise, 0 without noise. weights: "float32" or "float16". date: of the export, ISO 8601. version: of
    Impasto.
    """

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""
    source: str = ""
    licence: str = ""
    network: str = ""
    preset: str = ""
    warm_start: str = ""
    images_seen: int = 0
    content_loss: float | None = None
    style_loss: float | None = None
    validation_loss: float | None = None
    adjustable: bool = False
    smallest: int = 1
    reach: int = OLDER_REACH
    grain_cell: int = 0
    weights: str = "float32"
    date: str = ""
    version: str = ""
    format: int = FORMAT

    def to_json(self) -> str:
        """As one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)


def read_about(path: str | os.PathLike[str]) -> About:
    """What a style model says of itself.

    Raises:
        ImpastoError: no such file, or no style model of this version's format.
    """
    return about_of(read_file(path, "style model"), path)


def about_of(data: bytes, path: str | os.PathLike[str]) -> About:
    """`read_about` of a file's bytes. path: what error messages call it."""
    return parse_about(_metadata(_checked(data, path)), path)


def parse_about(metadata: Mapping[str, str], path: str | os.PathLike[str]) -> About:
    """What a style model's metadata say, however they were read.

    Raises:
        ImpastoError: they are not Impasto's, are damaged, or a later version's.
    """
    text = metadata.get(ABOUT)
    if text is None:
        raise ImpastoError(f"{path} is no style model of Impasto: it has no metadata of ours")
    try:
        values = json.loads(text)
        if int(values["format"]) > FORMAT:
            version = one_line(values.get("version"))
            raise ImpastoError(f"style model {path} was written by a later version of Impasto ({version}): upgrade")
        about = About(**{field.name: _typed(values, field) for field in fields(About) if field.name in values})
        if "reach" not in values and about.network == "shuffle":  # which has no padding inside: see its margin
            about = replace(about, reach=about.smallest - 1)
        limits = {"smallest": (1, LARGEST_SMALLEST), "reach": (0, LARGEST_REACH), "grain_cell": (0, LARGEST_SMALLEST)}
        for name, (least, most) in limits.items():
            if not least <= getattr(about, name) <= most:
                raise ValueError(f"{name} is {getattr(about, name)}")
    except _DAMAGED as error:
        raise ImpastoError(f"style model {path} is damaged: its metadata cannot be read ({_line(error)})") from None
    return about


def read_parameters(path: str | os.PathLike[str]) -> tuple[About, dict[str, NDArray[Any]]]:
    """What a style model says of itself, and the parameters of its network by name: all that a warm start needs.

    Raises:
        ImpastoError: as `read_about`.
    """
    from onnx import numpy_helper

    model = _checked(read_file(path, "style model"), path)
    about = parse_about(_metadata(model), path)
    try:
        initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        kept = json.loads(_metadata(model).get(PARAMETERS, "{}"))
        parameters = {name: initializers[value] for name, value in kept.get("graph", {}).items()}
        for name, (kind, shape, data) in kept.get("values", {}).items():
            parameters[name] = np.frombuffer(base64.b64decode(data), np.dtype(kind)).reshape(shape)
    except _DAMAGED as error:
        raise ImpastoError(f"style model {path} is damaged: {_line(error)}") from None
    return about, parameters


def seal(data: bytes) -> bytes:
    """A style model's file with a checksum at its end: one more metadata entry, field 14 of an ONNX model."""
    return data + _SEAL + f"{zlib.crc32(data):08x}".encode()


def check_file(data: bytes, path: str | os.PathLike[str]) -> None:
    """Raise `ImpastoError` for a style model's file that is damaged, or would have a runtime read other files.

    A file without a checksum is not compared with any.
    """
    body, end = data[: -len(_SEAL) - 8], data[-len(_SEAL) - 8 :]
    if end.startswith(_SEAL) and data != seal(body):
        raise ImpastoError(
            f"style model {path} is damaged, or was changed by another program: its checksum is another one"
        )
    if not data.startswith(b"\x08"):  # an ONNX model's first field. Runtimes read formats of their own, too
        raise _no_onnx(path)
    # ONNX names the files of external data under this key. Parsing takes as long as painting, so look first.
    if b"location" in data:
        model = _parse(data, path)
        del model.metadata_props[:]
        model.doc_string = ""
        if b"\x0a\x08location" in model.SerializeToString():  # as a key: protobuf writes it in this one way
            raise ImpastoError(f"{path} is no style model: it keeps data in other files")


def set_metadata(model: onnx.ModelProto, about: About, state: dict[str, NDArray[Any]], half: set[str]) -> None:
    """Write the metadata: about, and where each entry of the network's `state` lies.

    Most lie in the graph under their own names (half: those stored there in half precision, under `NAME.half`); those
    that the exporter has folded into others are kept here.
    """
    held = {tensor.name for tensor in model.graph.initializer}
    graph = {name: name + ".half" if name in half else name for name in state if name in held or name in half}
    values = {
        name: (array.dtype.str, list(array.shape), base64.b64encode(np.ascontiguousarray(array).tobytes()).decode())
        for name, array in state.items() if name not in graph
    }  # fmt: skip
    entries = {field.name: str(getattr(about, field.name)) for field in fields(about)}
    entries |= {ABOUT: about.to_json(), PARAMETERS: json.dumps({"graph": graph, "values": values})}
    del model.metadata_props[:]
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=value)
    model.producer_name, model.producer_version = "impasto", about.version
    model.doc_string = f"{about.title or about.name}: neural style transfer"


def _checked(data: bytes, path: str | os.PathLike[str]) -> onnx.ModelProto:
    check_file(data, path)
    return _parse(data, path)


def _parse(data: bytes, path: str | os.PathLike[str]) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_model_from_string(data)
    except (DecodeError, ValueError):
        raise _no_onnx(path) from None


def _no_onnx(path: str | os.PathLike[str]) -> ImpastoError:
    return ImpastoError(f"{path} is no style model: not an ONNX file, or damaged")


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _typed(values: dict[str, Any], field: Field[Any]) -> Any:
    """An entry of the metadata, if it is of the kind that its field wants."""
    value = values[field.name]
    kinds: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "bool": (bool,)}
    wanted = kinds.get(str(field.type), (int, float, type(None)))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ValueError(f"{field.name} is {value!r}")
    return value


def _line(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")[:200]
