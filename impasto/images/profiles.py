"""Colour profiles: from what they describe to sRGB. One that is damaged says nothing: the pixels count as sRGB then."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A Pillow image in RGB, or, of grey without a profile, in RGB too; without its alpha.

    profile: what its colours are; one of another colour space than the image's is as good as a damaged one.
    """
    if profile and image.mode in ("L", "RGB", "CMYK", "LAB"):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            return _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    if image.mode == "LAB":  # needs no profile to say what its colours are
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return image.convert("RGB")


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("not converted")
    return converted


def deep_to_srgb(array: NDArray[np.uint16], profile: bytes) -> NDArray[Any]:
    """The same of 16 bits: (H, W, C), grey or RGB, and alpha or not, which stays as it is.

    With 8 bits where the extra `formats` is not installed.
    """
    grey, alpha = array.shape[2] < 3, array.shape[2] in (2, 4)
    colors = np.ascontiguousarray(array[..., 0] if grey else array[..., :3])
    try:
        import imagecodecs
    except ImportError:
        array = (array // 257).astype(np.uint8)
        converted = np.asarray(to_srgb(Image.fromarray((colors // 257).astype(np.uint8)), profile))
    else:
        try:
            converted = np.asarray(imagecodecs.cms_transform(
                colors, profile, imagecodecs.cms_profile("srgb"),
                colorspace="gray" if grey else "rgb", outcolorspace="rgb",
            ))  # fmt: skip
        except (RuntimeError, ValueError):
            return array
    return np.dstack([converted, array[..., -1]]) if alpha else converted
