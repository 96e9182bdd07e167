"""The shipped styles as files for the browser app. Torch-free.

    python -m impasto.studio.assets web/public/styles

A browser rewrites no graphs: the models for tiles (see `shared_statistics`) are written here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from .. import images
from ..errors import ImpastoError
from ..files import read_file, write_atomically
from ..images import Picture
from ..styles import style_files
from ..styles.model import GRAIN, read_about
from ..stylizing.painting import overlap
from ..stylizing.shared_statistics import applying, grain_of, measuring
from ..stylizing.stylization import Stylizer

INDEX = "styles.json"
# What thumbnails are painted from: in an installed package, and in a checkout.
_PACKAGED, _EXAMPLE = Path(__file__).parent / "chelsea.jpg", Path(__file__).parents[2] / "examples" / "chelsea.jpg"
PHOTO = _PACKAGED if _PACKAGED.exists() else _EXAMPLE
THUMBNAIL = 320  # px: of the long side


def write_assets(folder: Path, photo: Path = PHOTO) -> list[Path]:
    """Write the models, their thumbnails and `styles.json`, which lists them; returns all files.

    photo: what the thumbnails are painted from.

    Raises:
        ImpastoError: the photograph cannot be read or the folder not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImpastoError(f"cannot write {folder}: {error.strerror}") from None
    picture = images.load(photo, "photograph")
    index = [write_style(name, file, folder, picture) for name, file in style_files().items()]
    write_atomically(folder / INDEX, json.dumps(index, ensure_ascii=False, indent=1).encode())
    return [folder / INDEX, *(folder / entry["file"] for style in index for entry in style["files"].values())]


def write_style(name: str, file: Path, folder: Path, photo: Picture | Path = PHOTO) -> dict[str, Any]:
    """Write one style's files; returns its entry in the list."""
    photo = images.load(photo, "photograph")
    data = read_file(file, "style model")
    about, model = read_about(file), onnx.load_model_from_string(data)
    grain = grain_of(model) if about.grain_cell else None
    measure = measuring(model)
    if grain is not None:  # the browser learns it with the statistics and gives each tile its part
        measure.graph.output.append(helper.make_tensor_value_info(GRAIN, onnx.TensorProto.FLOAT, grain.shape))
    painted = Stylizer(data).picture(photo).resized(images.fit(photo.size, THUMBNAIL))
    contents = {
        "whole": (".onnx", data),
        "measure": (".measure.onnx", measure.SerializeToString()),
        "apply": (".apply.onnx", applying(model, grain).SerializeToString()),
        "thumbnail": (".jpg", images.encode(painted, "JPEG")),
    }
    files = {}
    for use, (suffix, content) in contents.items():
        write_atomically(folder / (name + suffix), content)
        files[use] = {"file": name + suffix, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {
        "name": name,
        "title": about.title or name,
        "artist": about.artist,
        "year": about.year,
        "licence": about.licence,
        "adjustable": about.adjustable,
        "smallest": about.smallest,
        "overlap": overlap(about),
        "grain_cell": about.grain_cell,
        "grain_side": 0 if grain is None else grain.shape[-1],
        "files": files,
    }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m impasto.studio.assets FOLDER")
    try:
        write_assets(Path(sys.argv[1]))
    except ImpastoError as problem:
        sys.exit(f"impasto: {problem}")
