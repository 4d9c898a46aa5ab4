"""The virtual cameras' parts against closed forms."""

from __future__ import annotations

import itertools

import lensfunpy
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchbench.base.seeds import stream
from benchbench.data.virtual import processing, sensor
from benchbench.data.virtual import recipe as virtual
from benchbench.data.virtual.cameras import camera_table
from benchbench.data.virtual.optics import bicubic, calibration, lens_optics
from benchbench.data.virtual.scenery import draw

CAMERAS = camera_table().camera
EVERY = pytest.mark.parametrize("camera", [*CAMERAS, camera_table().neutral], ids=lambda c: c.make)
PHASES = ("RGGB", "BGGR", "GRBG", "GBRG")
ALGORITHMS = ("LINEAR", "VNG", "PPG", "AHD", "DCB", "DHT", "AAHD")


def ideal_device(size: int) -> sensor.Device:
    return sensor.Device(np.ones((size, size), np.float32), np.zeros((size, size), np.float32))


def view(side: float = 128.0) -> virtual.View:
    return virtual.View(0, (0.0, 0.0, side), 0, 0.0, (1.0, 1.0), (1.0, 1.0))


def lensfun_modifier(spec, size):
    database = lensfunpy.Database(load_common=False, load_bundled=True)
    camera = database.find_cameras(spec.maker, spec.camera)[0]
    lens = next(v for v in database.find_lenses(camera) if v.calib_distortion and v.calib_tca and v.calib_vignetting)
    modifier = lensfunpy.Modifier(lens, camera.crop_factor, size, size)
    flags = lensfunpy.ModifyFlags
    flags = flags.DISTORTION | flags.TCA | flags.VIGNETTING
    modifier.initialize(spec.focal, spec.aperture, 1000.0, 1.0, pixel_format=np.float32, flags=flags, reverse=True)
    return modifier


@EVERY
def test_distortion_and_vignetting_are_lensfuns(camera):
    size = 96
    modifier, ours = lensfun_modifier(camera.lens, size), lens_optics(camera.lens, size)
    where = modifier.apply_subpixel_geometry_distortion()
    # lensfun's SSE code scatters by up to half a pixel about its own formula, so the mean tells more than the maximum.
    error = np.linalg.norm(ours.where - where, axis=-1)
    moved = np.linalg.norm(where[:, :, 1] - np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1), axis=-1)
    assert error.mean() < 0.02 + 0.06 * moved.mean() and error.max() < 1.0
    light = np.ones((size, size, 3), np.float32)
    modifier.apply_color_modification(light)
    assert np.abs(ours.light - light).max() < 0.005
    assert ours.light[0, 0, 0] < 0.8


@EVERY
def test_distortion_inverts_ptlens_in_closed_form(camera):
    size, center = 97, 48
    where = lens_optics(camera.lens, size).where[:, :, 1]
    a, b, c = calibration(camera.lens).distortion
    unit = center * np.sqrt(2) / np.hypot(camera.lens.aspect, 1)
    y, x = np.mgrid[:size, :size] - center
    r = np.hypot(where[..., 0] - center, where[..., 1] - center) / unit
    assert np.allclose(r * (a * r**3 + b * r**2 + c * r + 1 - a - b - c) * unit, np.hypot(x, y), atol=1e-3)
    # Radially: neighbors on a row move smoothly, nothing has a period.
    assert np.abs(np.diff(where[0, :, 0], 3)).max() < 0.02


def test_chromatic_aberration_moves_red_and_blue_only():
    optics = lens_optics(CAMERAS[1].lens, 257)
    red, blue, *rest = calibration(CAMERAS[1].lens).tca
    assert not any(rest)
    reach = optics.where[128, -1, :, 0] - 128
    # where goes from photograph to scene, the calibration the other way; distortion moves the ratio a little.
    assert reach[0] / reach[1] == pytest.approx(1 / red, abs=1e-4)
    assert reach[2] / reach[1] == pytest.approx(1 / blue, abs=1e-4)


def test_the_noise_variance_is_a_x_plus_b():
    spec = CAMERAS[3].sensor.model_copy(update={"noise_a": 4e-4, "noise_b": 1e-5})
    step2 = 1 / (sensor.WHITE - sensor.BLACK) ** 2 / 12  # of rounding to 12 bits
    for level in (0.05, 0.2, 0.6):
        light = np.full((256, 256, 3), level, np.float32)
        raw = sensor.expose(light, spec, ideal_device(256), stream(0, "test", str(level)))
        x = (raw.astype(float) - sensor.BLACK) / (sensor.WHITE - sensor.BLACK)
        assert x.mean() == pytest.approx(level, rel=2e-3)
        assert x.var() == pytest.approx(4e-4 * level + 1e-5 + step2, rel=0.03)


def test_raw_levels_stay_within_twelve_bits():
    raw = sensor.expose(np.full((32, 32, 3), 3.0, np.float32), CAMERAS[0].sensor, ideal_device(32), stream(0, "x"))
    assert raw.max() == sensor.WHITE and raw.dtype == np.uint16


@pytest.mark.parametrize("cfa", PHASES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_flat_mosaic_develops_flat(algorithm, cfa):
    level = 0.4
    raw = np.full((48, 64), round(sensor.BLACK + level * (sensor.WHITE - sensor.BLACK)), np.uint16)
    rgb = sensor.develop(raw, cfa, algorithm)
    assert rgb.shape == (48, 64, 3)
    # LibRaw's AAHD looks beyond the frame in the very corners.
    assert np.abs(rgb - level)[2:-2, 2:-2].max() < 1e-3


@pytest.mark.parametrize("cfa", PHASES)
def test_colors_come_back_in_their_channels(cfa):
    color = np.array([0.2, 0.4, 0.6], np.float32)
    raw = np.rint(
        sensor.mosaic(np.broadcast_to(color, (64, 64, 3)), cfa) * (sensor.WHITE - sensor.BLACK) + sensor.BLACK
    )
    rgb = sensor.develop(raw.astype(np.uint16), cfa, "AHD", (2.0, 1.0, 1.0))
    assert np.abs(rgb[8:-8, 8:-8] - [0.4, 0.4, 0.6]).max() < 2e-3


def test_bilinear_demosaicing_keeps_a_ramp():
    ramp = np.linspace(0.1, 0.9, 64, dtype=np.float32)[None, :, None] * np.ones((64, 1, 3), np.float32)
    raw = np.rint(sensor.mosaic(ramp, "RGGB") * (sensor.WHITE - sensor.BLACK) + sensor.BLACK).astype(np.uint16)
    rgb = sensor.develop(raw, "RGGB", "LINEAR")
    assert np.abs(rgb - ramp)[4:-4, 4:-4].max() < 1.5 / (sensor.WHITE - sensor.BLACK)


def test_overexposed_light_clips_to_white_in_all_channels():
    raw = np.full((32, 32), sensor.WHITE, np.uint16)
    assert np.abs(sensor.develop(raw, "RGGB", "LINEAR", (2.0, 1.0, 1.5)) - 1).max() < 1e-3


@EVERY
def test_gray_light_and_saturation_give_the_tables_output_levels(camera):
    ends = np.array([[[0.0] * 3, [1.0] * 3]], np.float32)
    out = processing.tone_curve(ends, camera.tone)
    assert np.allclose(out[0, 0], camera.tone.black, atol=1e-3) and np.allclose(out[0, 1], camera.tone.white, atol=1e-3)
    assert np.allclose(np.sum(camera.matrix, axis=1), 1, atol=1e-6)
    curve = processing.tone_curve(np.linspace(0, 1, 99, dtype=np.float32)[None, :, None].repeat(3, 2), camera.tone)
    assert (np.diff(curve, axis=1) > 0).all()


def test_levels_show_in_foot_and_shoulder_alone():
    light = np.linspace(0, 1, 4001, dtype=np.float32)[None, :, None].repeat(3, 2)
    plain = CAMERAS[0].tone.model_copy(update={"black": (0, 0, 0), "white": (255, 255, 255)})
    raised = plain.model_copy(update={"black": (0, 18, 9), "white": (255, 237, 246)})
    gray = processing.tone_curve(light, plain)
    change = processing.tone_curve(light, raised) - gray
    share = gray / 255
    assert np.abs(change[(share > processing.FOOT) & (share < 1 - processing.FOOT)]).max() < 1e-4
    assert np.abs(change[:, :, 0]).max() < 1e-4, "a channel's levels are its own"
    assert np.allclose(change[0, 0], (0, 18, 9), atol=1e-3) and np.allclose(change[0, -1], (0, -18, -9), atol=1e-3)


def test_the_toe_is_straight_and_meets_the_power_smoothly():
    spec = CAMERAS[0].tone.model_copy(update={"contrast": 0.0, "black": (0, 0, 0), "white": (255, 255, 255)})
    at = processing.TOE * np.array([0, 0.25, 0.5, 0.75, 1.0, 1.001, 2.0], np.float64)
    curve = processing.tone_curve(at.astype(np.float32)[None, :, None].repeat(3, 2), spec)[0, :, 0] / 255
    slopes = np.diff(curve[:5]) / np.diff(at[:5])
    assert np.allclose(slopes, slopes[0], rtol=1e-3)
    # Beyond it lies (1 + a) x^(1/g) - a, as in sRGB: 1 at 1, with the slope of the toe where they meet.
    power = 1 / spec.gamma
    lift = (curve[6] - at[6] ** power) / (at[6] ** power - 1)
    assert np.isclose((1 + lift) * power * processing.TOE ** (power - 1), slopes[0], rtol=2e-3)


def test_a_lens_interpolates_as_cubic_convolution_does():
    y, x = np.mgrid[:20, :20].astype(np.float32)
    where = np.random.default_rng(0).uniform(2, 16, (7, 9, 2)).astype(np.float32)
    u, v = where[:, :, 0], where[:, :, 1]
    plane = 3 + x - 2 * y + 0.5 * x * x - 0.25 * x * y + y * y  # third order: quadratics come out exact (Keys 1981)
    exact = 3 + u - 2 * v + 0.5 * u * u - 0.25 * u * v + v * v
    assert np.allclose(bicubic(where, 20) @ plane.ravel(), exact.ravel(), rtol=1e-4)
    # Pillow's enlargement uses the same kernel.
    noise = np.random.default_rng(1).random((20, 20), np.float32)
    centers = (np.arange(40, dtype=np.float32) + 0.5) / 2 - 0.5
    grid = np.stack(np.meshgrid(centers, centers), axis=2)
    ours = (bicubic(grid, 20) @ noise.ravel()).reshape(40, 40)
    pillow = np.asarray(Image.fromarray(noise).resize((40, 40), Image.Resampling.BICUBIC))
    assert np.allclose(ours[6:-6, 6:-6], pillow[6:-6, 6:-6], atol=1e-5)


def test_sharpening_leaves_flat_areas_and_steepens_edges():
    spec = CAMERAS[0].sharpen
    ycc = np.zeros((32, 32, 3), np.float32)
    ycc[:, 16:, 0] = 100
    processing.sharpen(ycc, spec)
    assert np.allclose(ycc[:, :4, 0], 0, atol=1e-3) and ycc[:, :, 0].max() > 105 and ycc[:, :, 0].min() < -5


@pytest.mark.parametrize("kind", ["median", "sigma", "wavelet"])
def test_noise_reduction_reduces_noise_and_keeps_the_mean(kind):
    spec = CAMERAS[0].denoise.model_copy(update={"kind": kind, "strength": {"median": 0.5}.get(kind, 4.0)})
    ycc = np.zeros((64, 64, 3), np.float32)
    ycc[:, :, 0] = 100 + 3 * np.random.default_rng(0).standard_normal((64, 64))
    before = ycc[:, :, 0].copy()
    processing.denoise(ycc, spec)
    assert ycc[:, :, 0].std() < 0.8 * before.std() and abs(ycc[:, :, 0].mean() - before.mean()) < 0.3


@EVERY
def test_the_jpeg_file_holds_the_models_tables_subsampling_and_exif(camera):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    jpeg = processing.encode(picture, camera, make=camera.make, model=camera.model)
    from io import BytesIO

    with Image.open(BytesIO(jpeg)) as image:
        assert [list(table) for table in image.quantization.values()] == processing.quantization_tables(camera.jpeg)
        blocks = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}[camera.jpeg.subsampling]
        assert image.layer[0][1:3] == blocks
        exif = image.getexif()
        assert (exif[0x010F], exif[0x0110]) == (camera.make, camera.model)


def test_standard_tables_at_quality_fifty_are_those_of_the_standard():
    spec = CAMERAS[0].jpeg.model_copy(update={"quality": 50, "tilt": 0.0, "chroma": 1.0})
    luminance, chrominance = processing.quantization_tables(spec)
    assert luminance[:4] == [16, 11, 10, 16] and chrominance[:5] == [17, 18, 24, 47, 99] and luminance[-1] == 99


def test_the_table_has_twelve_different_models():
    assert len({c.name for c in CAMERAS}) == len({c.lens.camera for c in CAMERAS}) == 12
    assert len({tuple(map(tuple, processing.quantization_tables(c.jpeg))) for c in CAMERAS}) == 12
    assert len({c.matrix for c in CAMERAS}) == len({(c.tone.black, c.tone.white) for c in CAMERAS}) == 12


def test_a_device_is_found_by_its_prnu():
    camera, size = CAMERAS[2], 128  # without noise reduction
    devices = [sensor.make_device(camera.sensor, size, stream(0, "device", d)) for d in range(3)]
    flat = np.ones((size + 64, size + 64, 3), np.float32)
    residual = np.zeros((size, size))
    for k in range(8):
        shot = virtual.take(camera, devices[1], flat, view(size), stream(0, "noise", k), make="a", model="b")
        gray = shot.pixels.mean(axis=2)
        residual += gray - gaussian_filter(gray, 2)
    inner = (slice(8, -8), slice(8, -8))
    scores = [np.corrcoef(residual[inner].ravel(), d.gain[inner].ravel())[0, 1] for d in devices]
    assert scores[1] > 0.15 and max(abs(scores[0]), abs(scores[2])) < 0.05, scores


def test_the_neutral_camera_hides_the_class():
    recipe = virtual.VirtualRecipe(size=64, scenes=3, neutral=True)
    scene = draw("objects", recipe.scene_size, stream(0, "scene"))
    shots = [
        virtual.take(
            virtual.cameras(recipe)[c], virtual.device(recipe, c, d), scene, view(), stream(0, "n"), make="a", model="b"
        )
        for c, d in ((0, 0), (5, 4), (11, 2))
    ]
    assert all(np.array_equal(shot.pixels, shots[0].pixels) for shot in shots)
    plain = recipe.model_copy(update={"neutral": False})
    assert len(set(virtual.cameras(plain))) == 12
    assert not np.array_equal(virtual.device(plain, 0, 0).gain, virtual.device(plain, 0, 1).gain)


def test_every_view_of_the_dihedral_group_is_another_picture():
    scene = draw("objects", 192, stream(0, "scene"))
    seen = {
        virtual.look(scene, virtual.View(0, (3.0, 5.0, 150.0), k, 0, (1, 1), (1, 1)), 64, 3).tobytes() for k in range(8)
    }
    assert len(seen) == 8


def test_a_scene_smaller_than_the_frame_is_mirrored():
    scene = np.random.default_rng(0).random((40, 50, 3)).astype(np.float16)
    picture = virtual.look(scene, view(64.0), 64, 4)
    assert picture.shape == (72, 72, 3) and np.isfinite(picture).all()


def test_any_two_models_differ_in_a_level_of_black_and_in_one_of_white():
    """By 18 gray levels and more, for a picture may have no highlights, or no shadows; by three such steps in all."""
    for one, other in itertools.combinations(camera_table().camera, 2):
        black, white = (
            np.abs(np.subtract(getattr(one.tone, end), getattr(other.tone, end))) for end in ("black", "white")
        )
        assert black.max() >= 18 and white.max() >= 18, (one.name, other.name)
        assert black.sum() + white.sum() >= 3 * 18, (one.name, other.name)
