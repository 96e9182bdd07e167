"""What style models say of themselves; foreign, damaged and hostile files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from graphs import identity
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from ran import assert_raises_line

from impasto.styles import style_files
from impasto.styles.model import (
    ABOUT,
    FORMAT,
    PARAMETERS,
    About,
    about_of,
    check_file,
    read_about,
    read_parameters,
    seal,
    set_metadata,
)  # fmt: skip
from impasto.stylizing.painting import Painter
from impasto.stylizing.stylization import Stylizer

Read = Callable[[Path], object]

WAVE = About(
    "great-wave", title='The "Great Wave"', artist="葛飾北斎", year="c. 1831", network="shuffle", images_seen=80_000,
    content_loss=0.25, adjustable=True, smallest=20, weights="float16", date="2026-01-02T03:04:05+00:00", version="1.2",
)  # fmt: skip


def save(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "style.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def style_model(folder: Path, *initializers: TensorProto, **metadata: str) -> Path:
    """A style model whose metadata entries `about` and `parameters` are replaced."""
    model = identity(*initializers)
    for key, name in (("about", ABOUT), ("parameters", PARAMETERS)):
        model.metadata_props.add(key=name, value=metadata.get(key, WAVE.to_json() if key == "about" else "{}"))
    return save(model, folder)


# --- About -------------------------------------------------------------------------------------------------


def test_about_as_json_and_back() -> None:
    text = WAVE.to_json()
    assert "\n" not in text
    assert "葛飾北斎" in text
    assert About(**json.loads(text)) == WAVE
    assert json.loads(text)["format"] == FORMAT


@settings(max_examples=30, database=None)
@given(title=st.text(), seen=st.integers(0, 10**9), loss=st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_about_says_is_read_again(title: str, seen: int, loss: float | None) -> None:
    about = replace(WAVE, title=title, images_seen=seen, style_loss=loss)
    model = identity()
    set_metadata(model, about, {}, set())
    entries = {entry.key: entry.value for entry in onnx.load_from_string(model.SerializeToString()).metadata_props}
    assert About(**json.loads(entries[ABOUT])) == about
    assert entries["title"] == title


def test_the_metadata_are_read_from_the_file(tmp_path: Path) -> None:
    model = identity()
    set_metadata(model, WAVE, {}, set())
    path = save(model, tmp_path)
    assert read_about(path) == read_about(str(path)) == WAVE
    assert read_parameters(path) == (WAVE, {})
    onnx.checker.check_model(onnx.load(path))


def test_other_programs_find_each_field_as_text() -> None:
    model = identity()
    model.metadata_props.add(key="source", value="the exporter's own")
    set_metadata(model, WAVE, {}, set())
    entries = {entry.key: entry.value for entry in model.metadata_props}
    assert len(entries) == len(model.metadata_props)
    assert set(entries) == {*asdict(WAVE), ABOUT, PARAMETERS}
    assert all(entries[key] == str(value) for key, value in asdict(WAVE).items())
    assert (model.producer_name, model.producer_version) == ("impasto", "1.2")
    assert WAVE.title in model.doc_string


# --- parameters --------------------------------------------------------------------------------------------


def test_parameters_in_the_graph_and_in_the_metadata(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kernel = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    state: dict[str, NDArray[Any]] = {
        "conv.weight": kernel,
        "conv.bias": random.normal(size=4).astype(np.float32),
        "norm.weight": random.normal(size=(2, 3)).astype(np.float32).T,  # not contiguous
        "norm.seen": np.array(12_345_678_901),
        "norm.none": np.zeros((0, 2), np.float32),
        "norm.extreme": np.array([np.inf, -0.0, 1e-45], np.float32),
    }
    model = identity(
        numpy_helper.from_array(kernel.astype(np.float16), "conv.weight.half"),
        numpy_helper.from_array(state["conv.bias"], "conv.bias"),
        numpy_helper.from_array(np.ones(1, np.float32), "of_the_graph"),
    )
    set_metadata(model, WAVE, state, {"conv.weight"})
    about, found = read_parameters(save(model, tmp_path))
    assert about == WAVE
    assert set(found) == set(state)
    for key, value in state.items():
        expected = value.astype(np.float16) if key == "conv.weight" else value
        np.testing.assert_array_equal(found[key], expected, err_msg=key, strict=True)
    assert np.signbit(found["norm.extreme"][1])


def test_a_file_without_parameters_has_none(tmp_path: Path) -> None:
    model = identity()
    model.metadata_props.add(key=ABOUT, value=WAVE.to_json())
    assert read_parameters(save(model, tmp_path)) == (WAVE, {})


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "5", "null", '{"graph": [1]}', '{"graph": {"a": "b"}}', '{"graph": {"a": [1]}}',
        '{"values": [1]}', '{"values": {"a": 1}}', '{"values": {"a": ["<f4", [2], "AAAA"]}}',
        '{"values": {"a": ["<f4", [3], "AAAAAA=="]}}', '{"values": {"a": ["nonsense", [1], "AAAAAA=="]}}',
        '{"values": {"a": ["<f4", [1], "A"]}}', '{"values": {"a": ["O", [1], "AAAAAAAAAAA="]}}', "[" * 100_000,
    ],
    ids=lambda text: text[:50] or "empty",
)  # fmt: skip
def test_damaged_parameters(text: str, tmp_path: Path) -> None:
    path = style_model(tmp_path, parameters=text)
    assert read_about(path) == WAVE
    assert_raises_line(lambda: read_parameters(path), r"style model .*style\.onnx is damaged: ")


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.UNDEFINED, 99])
def test_a_damaged_tensor(kind: int, tmp_path: Path) -> None:
    tensor = TensorProto(name="a", data_type=kind, dims=[5], raw_data=b"abc")
    path = style_model(tmp_path, tensor, parameters='{"graph": {"a": "a"}}')
    assert_raises_line(lambda: read_parameters(path), "is damaged: ")


@pytest.mark.parametrize("exists", [False, True])
def test_no_other_file_is_read(exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX tensors may name a file that holds their data: a style model is one file, and may not fetch another."""
    tensor = TensorProto(name="a", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="secret.bin")
    if exists:
        (tmp_path / "secret.bin").write_bytes(np.ones(2, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    path = style_model(tmp_path, tensor, parameters='{"graph": {"a": "a"}}')
    for read in (read_about, read_parameters, Stylizer):
        assert_raises_line(partial(read, path), r"style\.onnx is no style model: it keeps data in other files$")


def test_names_in_the_graph_may_have_any_words(tmp_path: Path) -> None:
    model = identity()
    set_metadata(model, WAVE, {}, set())
    model.graph.node[0].name = "allocation/location"
    assert read_about(save(model, tmp_path)) == WAVE


def test_a_title_may_have_any_words(tmp_path: Path) -> None:
    model, about = identity(), replace(WAVE, title="On location")
    set_metadata(model, about, {}, set())
    path = save(model, tmp_path)
    assert read_about(path) == about
    assert Stylizer(path).about == about


# --- the checksum ------------------------------------------------------------------------------------------


@settings(max_examples=50, database=None)
@given(place=st.floats(0, 1, exclude_max=True), other=st.integers(1, 255))
def test_a_changed_byte_is_found(place: float, other: int) -> None:
    model = identity()
    set_metadata(model, WAVE, {}, set())
    body = model.SerializeToString()
    whole = seal(body)
    assert about_of(whole, "it") == about_of(body, "it") == WAVE
    changed = bytearray(whole)
    changed[int(place * len(body))] ^= other
    for read in (about_of, check_file, Painter):
        assert_raises_line(partial(read, bytes(changed), "it"), "^style model it is damaged, .*: its checksum")


def test_the_checksum_is_one_more_metadata_entry() -> None:
    sealed = onnx.load_model_from_string(seal(identity().SerializeToString()))
    assert [(entry.key, len(entry.value)) for entry in sealed.metadata_props] == [("impasto.crc32", 8)]
    onnx.checker.check_model(sealed)


@pytest.mark.parametrize("name", style_files())
def test_the_styles_that_come_with_impasto_have_one(name: str) -> None:
    data = bytearray(style_files()[name].read_bytes())
    data[len(data) // 2] ^= 1
    assert_raises_line(lambda: check_file(bytes(data), name), r"is damaged, or .*: its checksum is another one$")


# --- files -------------------------------------------------------------------------------------------------

READERS = pytest.mark.parametrize("read", [read_about, read_parameters])


@READERS
def test_a_missing_file(read: Read, tmp_path: Path) -> None:
    assert_raises_line(lambda: read(tmp_path / "nowhere.onnx"), r"^no such style model: .*nowhere\.onnx$")
    assert_raises_line(lambda: read(tmp_path / "no" / "where.onnx"), r"^no such style model: .*where\.onnx$")


@READERS
def test_paths_that_are_no_files(read: Read, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below, long = tmp_path / "file" / "a.onnx", tmp_path / ("o" * 300 + ".onnx")
    assert_raises_line(lambda: read(tmp_path), "^style model .* is a directory$")
    assert_raises_line(lambda: read(below), r"^cannot read style model .*a\.onnx: Not a directory$")
    assert_raises_line(lambda: read(long), "^cannot read style model .*: File name too long$")


@READERS
def test_a_file_that_may_not_be_read(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read anything, so permissions are told rather than set.
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = style_model(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert_raises_line(lambda: read(path), "^cannot read style model .*: Permission denied$")


@READERS
@pytest.mark.parametrize("content", [b"", b"certainly a text\n", b"\x89PNG\r\n\x1a\n" + bytes(200), b"\xff" * 99])
def test_a_file_of_another_kind(content: bytes, read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    assert_raises_line(lambda: read(path), r"a\.onnx is no style model")


@READERS
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file(share: float, read: Read, tmp_path: Path) -> None:
    state = {"a": np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)}
    model = identity(numpy_helper.from_array(state["a"], "a"))
    set_metadata(model, WAVE, state, set())
    path = save(model, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert_raises_line(lambda: read(path), r"style\.onnx is no style model")


@READERS
def test_an_onnx_file_of_someone_else(read: Read, tmp_path: Path) -> None:
    model = identity()
    assert_raises_line(lambda: read(save(model, tmp_path)), r"style\.onnx is no style model of Impasto")
    model.metadata_props.add(key="author", value="someone else")
    assert_raises_line(lambda: read(save(model, tmp_path)), r"style\.onnx is no style model of Impasto")


@READERS
@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "5", '"text"', "{}", '{"format": 1}', '{"name": "a"}', '{"format": "one", "name": "a"}',
        '{"format": null, "name": "a"}', '{"format": [], "name": "a"}', '{"format": 1e999, "name": "a"}', "[" * 100_000,
    ],
    ids=lambda text: text[:40] or "empty",
)  # fmt: skip
def test_damaged_metadata(text: str, read: Read, tmp_path: Path) -> None:
    assert_raises_line(lambda: read(style_model(tmp_path, about=text)), r"^style model .*style\.onnx is damaged: ")


@READERS
@pytest.mark.parametrize("field", ["name", "format"])
def test_missing_keys_are_named(field: str, read: Read, tmp_path: Path) -> None:
    values = asdict(WAVE)
    del values[field]
    assert_raises_line(lambda: read(style_model(tmp_path, about=json.dumps(values))), f"is damaged: .*'{field}'")


def test_optional_keys_may_be_missing_and_unknown_ones_be_there(tmp_path: Path) -> None:
    path = style_model(tmp_path, about='{"format": 1, "name": "a", "mood": "calm"}')
    assert read_about(path) == About("a")


@READERS
@pytest.mark.parametrize("version", ["9.1", None, "9\n9"])
def test_a_later_format_says_to_upgrade(version: str | None, read: Read, tmp_path: Path) -> None:
    values = {"format": FORMAT + 1, "title": {"en": "of another type then"}, "version": version}
    path = style_model(tmp_path, about=json.dumps(values))
    assert_raises_line(lambda: read(path), r"style\.onnx was written by a later version of Impasto .*: upgrade$")


# --- what reading does not do ------------------------------------------------------------------------------


def test_reading_needs_neither_torch_nor_a_runtime_and_runs_nothing(tmp_path: Path) -> None:
    """In a process of its own: no unpickling, no session, no import of what a file names."""
    state = {"a": np.ones((2, 2), np.float32), "b": np.ones(3, np.float32)}
    model = identity(numpy_helper.from_array(state["a"], "a"))
    set_metadata(model, replace(WAVE, network="os.system", version="1.0"), state, set())
    path = save(model, tmp_path)
    code = f"""
import pickle, sys
from impasto.styles.model import read_about, read_parameters
def refuse(*_, **__): raise SystemExit("unpickled")
pickle.load = pickle.loads = refuse
assert read_about({str(path)!r}).network == "os.system"
assert set(read_parameters({str(path)!r})[1]) == {{"a", "b"}}
assert not {{"torch", "onnxruntime"}} & set(sys.modules), "imported"
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["f4,(", "O", "nothing", ""])
def test_values_of_no_type_are_refused(kind: str, tmp_path: Path) -> None:
    path = style_model(tmp_path, parameters=json.dumps({"values": {"a": [kind, [1], "AAAAAAAAAAA="]}}))
    assert_raises_line(lambda: read_parameters(path), "is damaged: ")


def test_other_formats_that_runtimes_read_are_refused() -> None:
    """OpenVINO's own, above all."""
    for data in (b'<?xml version="1.0"?><net name="a" version="11"></net>', b"", b"\x0a\x00"):
        for read in (about_of, check_file, Painter):
            assert_raises_line(partial(read, data, "it"), "^it is no style model: not an ONNX file, or damaged$")


@READERS
@pytest.mark.parametrize(
    ("field", "value"),
    [("smallest", 0), ("smallest", 10**7), ("smallest", 10**30), ("reach", -1), ("reach", 513), ("grain_cell", -1)],
)
def test_sizes_beyond_any_network_are_refused(field: str, value: int, read: Read, tmp_path: Path) -> None:
    path = style_model(tmp_path, about=json.dumps(asdict(WAVE) | {field: value}))
    assert_raises_line(lambda: read(path), f"is damaged: .*{field}.* {value}")


@pytest.mark.parametrize(
    ("network", "smallest", "reach"), [("shuffle", 48, 47), ("johnson-half", 44, 64), ("of another version", 30, 64)]
)
def test_files_that_do_not_say_how_far_they_see(network: str, smallest: int, reach: int, tmp_path: Path) -> None:
    """Those of older versions: `shuffle` sees its margin, no other more than 64 px."""
    values = asdict(WAVE) | {"network": network, "smallest": smallest}
    del values["reach"]
    assert read_about(style_model(tmp_path, about=json.dumps(values))).reach == reach


def test_pickled_values_are_refused(tmp_path: Path) -> None:
    import base64
    import pickle

    data = base64.b64encode(pickle.dumps(print)).decode()
    path = style_model(tmp_path, parameters=json.dumps({"values": {"a": ["O", [1], data]}}))
    assert_raises_line(lambda: read_parameters(path), "is damaged: ")
