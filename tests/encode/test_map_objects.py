"""Maps as PET images and as parametric maps: values, places, units, and nothing from which a viewer could compute another SUV."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
import SimpleITK as sitk
from encode_phantom import AXIAL, SAGITTAL, T1_FROM_FLAIR, T1_FROM_PET, Phantom, Plan, grid, make_phantom
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from scipy import ndimage

from benchmarks.conformance import complaints
from benchmarks.images import read_image
from benchmarks.peers import command
from node.domain.result import ParametricMap, Quantity
from node.domain.volume import Array, Volume
from node.encode import Encoded, EncodeOptions, Kind, encode
from node.encode.derived_pet import LARGEST, SLOPES, encode_map, encode_suv_map, encode_suvr_map, on_reading, slope_for
from node.encode.material import Material
from node.encode.objects import OBJECT_NAMES
from node.encode.parametric_map import encode_parametric_maps
from node.encode.quantities import MEASURES, described, measure, plain

EVERYTHING = EncodeOptions(objects=OBJECT_NAMES)


@pytest.fixture
def phantom(tmp_path: Path) -> Phantom:
    """PET and MR in two studies."""
    return make_phantom(tmp_path)


def read(encoded: tuple[Encoded, ...]) -> list[Dataset]:
    return [dcmread(item.path) for item in encoded]


def another(phantom: Phantom, quantity: Quantity, factor: float) -> ParametricMap:
    """The phantom's SUVR map times a factor, as a map of another quantity."""
    suvr = phantom.result.suvr
    volume = suvr.volume.like(suvr.volume.array * np.float32(factor))
    return ParametricMap(volume, quantity, "MRTM2", (("t*", "20 min"), ("k2′", "0.07 /min")), "Ichise et al. (2003)")


def values_of(images: list[Dataset]) -> Array:
    """(S, R, C) as a viewer computes them: stored value times slope plus intercept."""
    return np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in images])


def looked_up(volume: Volume, phantom: Phantom) -> Array:
    """(S, R, C) of the FLAIR: the PET's values at its voxel centres, by SciPy and the phantom's own transforms."""
    assert phantom.exam.flair is not None
    flair = phantom.exam.flair.volume
    index = volume.index_from_lps @ np.linalg.inv(T1_FROM_PET.matrix) @ T1_FROM_FLAIR.matrix @ flair.affine
    return np.asarray(ndimage.affine_transform(volume.array.astype(np.float64), index[:3, :3], index[:3, 3], flair.shape, order=1))


@pytest.mark.parametrize("enhanced", [False, True])
def test_each_image_lies_exactly_on_the_mr_image_that_it_names(tmp_path: Path, enhanced: bool) -> None:
    phantom = make_phantom(tmp_path, Plan(enhanced=enhanced))

    images = read(encode_map(phantom.material()))

    assert len(images) == 12
    assert [d.InstanceNumber for d in images] == [d.ImageIndex for d in images] == list(range(1, 13))
    for d in images:
        named = d.ReferencedImageSequence[0]
        source = dcmread(tmp_path / f"{named.ReferencedSOPInstanceUID}.dcm")
        plane = measures = source
        if enhanced:
            frame = source.PerFrameFunctionalGroupsSequence[named.ReferencedFrameNumber - 1]
            plane, measures = frame.PlanePositionSequence[0], frame.PixelMeasuresSequence[0]
        assert list(d.ImagePositionPatient) == list(plane.ImagePositionPatient)
        assert list(d.PixelSpacing) == list(measures.PixelSpacing)
        assert d.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert d.StudyInstanceUID == source.StudyInstanceUID
        assert (d.Rows, d.Columns) == (source.Rows, source.Columns)


def test_a_viewer_reads_the_values_of_the_pet_at_each_place(phantom: Phantom) -> None:
    images = read(encode_map(phantom.material()))

    expected = looked_up(phantom.result.suvr.volume, phantom)
    values, slope = values_of(images), float(images[0].RescaleSlope)
    inside = ndimage.binary_erosion(expected > 0)  # SciPy blends the outermost half voxel with nothing
    assert np.abs(values - expected)[inside].max() <= slope / 2 + 1e-6
    assert (values.max(), np.median(values[expected > 0.9])) == (pytest.approx(1.5, abs=slope), pytest.approx(1.0, abs=slope))


def test_simpleitk_reads_the_series_in_the_place_of_the_mr(phantom: Phantom) -> None:
    encoded = encode_map(phantom.material())
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(item.path) for item in encoded])

    image = reader.Execute()

    assert phantom.exam.flair is not None
    affine = phantom.exam.flair.volume.affine
    assert np.allclose(image.GetOrigin(), affine[:3, 3], atol=1e-4)
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    assert np.allclose(axes[:, ::-1], affine[:3, :3], atol=1e-4)
    assert np.allclose(sitk.GetArrayFromImage(image), values_of(read(encoded)), atol=1e-6)


def test_dvr_suvr_and_suv_are_series_of_their_own_with_their_units(phantom: Phantom) -> None:
    maps = (another(phantom, Quantity.DVR, 1.1), another(phantom, Quantity.SUV, 2.0))
    material = phantom.with_result(maps=maps).material()

    dvr, suvr, suv = (read(make(material)) for make in (encode_map, encode_suvr_map, encode_suv_map))

    assert [d[0].Units for d in (dvr, suvr, suv)] == ["NONE", "NONE", "GML"]
    assert [d[0].get("SUVType") for d in (dvr, suvr, suv)] == [None, None, "BW"]
    assert [d[0].SeriesNumber for d in (dvr, suvr, suv)] == [9006, 9601, 9602]
    assert [d[0].SeriesDescription for d in (dvr, suvr, suv)] == [
        "RESEARCH DVR MRTM2, ratio on FLAIR",
        "RESEARCH SUVR 60-90 min, ratio on FLAIR",
        "RESEARCH registered PET, SUVbw g/ml on FLAIR",
    ]
    for images, factor in ((dvr, 1.1), (suvr, 1.0), (suv, 2.0)):
        assert values_of(images).max() == pytest.approx(1.5 * factor, abs=float(images[0].RescaleSlope))


def test_a_static_exam_without_suv_gives_the_suvr_series_alone(phantom: Phantom) -> None:
    material = phantom.material()

    assert len(encode_map(material)) == 12
    assert encode_suvr_map(material) == encode_suv_map(material) == ()


def test_the_real_world_value_mapping_says_what_the_slope_says(phantom: Phantom) -> None:
    d = read(encode_map(phantom.material()))[0]

    (mapping,) = d.RealWorldValueMappingSequence
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (float(d.RescaleSlope), 0.0)
    assert (mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped) == (-32767, 32767)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue == "SUVR"


def test_a_viewer_opens_a_map_with_a_window_in_its_unit(phantom: Phantom) -> None:
    material = phantom.with_result(maps=(another(phantom, Quantity.SUV, 2.0),)).material()

    suvr, suv = read(encode_map(material))[0], read(encode_suv_map(material))[0]

    # OHIF 3.13 fails on a VOI LUT Function; without one it is LINEAR: from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2.
    assert "VOILUTFunction" not in suvr
    for d, shown in ((suvr, (0.0, 1.5)), (suv, (0.0, 2.0))):
        c, w = float(d.WindowCenter), float(d.WindowWidth)
        assert (c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2) == shown


def test_what_was_lossy_once_stays_so(phantom: Phantom) -> None:
    material = phantom.material()
    header = Dataset()
    header.update(material.pet_header)
    header.LossyImageCompression, header.LossyImageCompressionRatio, header.LossyImageCompressionMethod = "01", "8", "ISO_10918_1"

    d = read(encode_map(replace(material, pet_header=header)))[0]

    assert (d.LossyImageCompression, d.LossyImageCompressionRatio) == ("01", 8)


def test_nothing_is_left_from_which_a_viewer_could_compute_an_suv(phantom: Phantom) -> None:
    material = phantom.with_result(maps=(another(phantom, Quantity.SUV, 2.0),)).material()
    exam = replace(material.exam, pet=replace(material.exam.pet, corrections=("ATTN", "DECY")))
    material = replace(material, exam=exam, pet_header=_with_dose(material))

    for d in (read(encode_map(material))[0], read(encode_suv_map(material))[0]):
        said = {element.keyword for element in d.iterall()}
        assert not said & {"RadionuclideTotalDose", "RadionuclideHalfLife", "RadiopharmaceuticalStartTime", "DecayFactor"}
        assert not said & {"RadiopharmaceuticalStartDateTime", "DoseCalibrationFactor"}
        assert (d.DecayCorrection, d.CorrectedImage) == ("NONE", "ATTN")
        assert d.Units != "BQML"
        tracer = d.RadiopharmaceuticalInformationSequence[0]
        assert tracer.Radiopharmaceutical == "[18F]DPA-714"
        assert tracer.RadionuclideCodeSequence[0].CodeValue == "77004003"


def _with_dose(material: Material) -> Dataset:
    header, item = Dataset(), Dataset()
    header.update(material.pet_header)
    item.RadionuclideTotalDose, item.RadionuclideHalfLife, item.RadiopharmaceuticalStartTime = "2e8", "6586.2", "102000"
    item.RadiopharmaceuticalStartDateTime, item.Radiopharmaceutical = "20240312102000", "something"
    item.RadionuclideCodeSequence = [hd.sr.CodedConcept("77004003", "SCT", "^18^Fluorine")]
    header.RadiopharmaceuticalInformationSequence = [item]
    header.DecayFactor, header.DecayCorrection, header.DoseCalibrationFactor = "1.2", "START", "1"
    return header


def test_a_voxel_without_a_value_takes_nothing_from_its_neighbours(phantom: Phantom) -> None:
    volume = phantom.result.suvr.volume
    array = np.ones(volume.shape, np.float32)
    array[:, :, volume.shape[2] // 2 :] = np.nan

    values = on_reading(phantom.material(), volume.like(array))

    inside = looked_up(volume.like(np.ones(volume.shape, np.float32)), phantom) > 0.999
    share = looked_up(volume.like(np.isfinite(array).astype(np.float32)), phantom)
    clear = inside & (np.abs(share - 0.5) > 0.01)
    assert np.allclose(values[clear], share[clear] > 0.5, atol=1e-4)
    assert 0 < (share[clear] > 0.5).mean() < 1


def test_a_huge_voxel_does_not_take_the_steps_from_the_others(phantom: Phantom) -> None:
    suvr = phantom.result.suvr
    array = suvr.volume.array.copy()
    array[2, 2, 2] = 1e6
    images = read(encode_map(phantom.with_result(suvr=replace(suvr, volume=suvr.volume.like(array))).material()))

    assert {float(d.RescaleSlope) for d in images} == {0.001}
    assert np.median(values_of(images)[looked_up(suvr.volume, phantom) > 0.99]) == pytest.approx(1.0, abs=0.001)
    assert "values beyond 32.77 are stored as that" in images[0].DerivationDescription


@pytest.mark.parametrize(
    ("largest", "slope"), [(0.0, 0.00001), (0.3, 0.00001), (1.6, 0.00005), (1.64, 0.0001), (10.0, 0.0005), (1e9, 0.001)]
)
def test_the_slope_is_the_finest_round_number_that_holds_all(largest: float, slope: float) -> None:
    assert slope_for(largest) == slope


@given(st.floats(-SLOPES[-1] * LARGEST, SLOPES[-1] * LARGEST))
def test_storing_changes_no_value_by_more_than_half_a_step(value: float) -> None:
    slope = slope_for(abs(value))

    stored = np.rint(value / slope)

    assert abs(stored) <= LARGEST
    assert abs(stored * slope - value) <= slope / 2 * 1.000001


def test_every_quantity_of_a_map_has_words_that_fit_their_fields() -> None:
    assert set(MEASURES) >= {Quantity.SUV, Quantity.SUVR, Quantity.DVR, Quantity.BP_ND, Quantity.R1, Quantity.CONTRAST}
    for quantity in set(Quantity) - set(MEASURES):
        with pytest.raises(ValueError, match="a quantity that a map can hold"):
            measure(quantity)
    for what in MEASURES.values():
        assert len(what.concept.value) <= 16
        assert len(what.concept.meaning) <= 64
        assert what.window[0] < what.window[1]


def test_how_a_map_was_made_is_told_in_ascii(phantom: Phantom) -> None:
    assert described(another(phantom, Quantity.DVR, 1.0)) == "DVR: MRTM2. t* 20 min; k2' 0.07 /min. Ichise et al. (2003)"
    assert plain("60–90 min, ü") == "60-90 min, u"


ORIENTATIONS = [
    pytest.param(axes, flip, id=f"{name} {flip:+d}") for name, axes in (("sagittal", SAGITTAL), ("axial", AXIAL)) for flip in (1, -1)
]


def _somewhere(phantom: Phantom, axes: Array, flip: int) -> tuple[Phantom, Volume]:
    """The phantom with an SUVR map of noise on a small tilted grid, slices rising or falling."""
    empty = grid((7, 9, 11), axes * np.array([flip, 1, 1]), (4, 3, 2.5), "1.2.9.2")
    volume = empty.like(np.random.default_rng(5).normal(size=empty.shape).astype(np.float32), unit="1")
    return phantom.with_result(suvr=replace(phantom.result.suvr, volume=volume)), volume


def _same_in_place(got: Volume, expected: Volume) -> bool:
    """Whether each voxel of one is a voxel of the other, at the same place in the patient and with the same value."""
    index = np.argwhere(np.ones(got.shape))
    there = np.c_[index, np.ones(len(index))] @ (expected.index_from_lps @ got.affine).T
    nearest = np.rint(there[:, :3]).astype(int)
    if np.abs(there[:, :3] - nearest).max() > 1e-3 or len(np.unique(nearest, axis=0)) != expected.array.size:
        return False
    return np.array_equal(expected.array[tuple(nearest.T)], got.array.ravel())


def by_highdicom(path: Path, _: Path) -> Volume:
    volume = hd.imread(path).get_volume(dtype=np.float32)
    return Volume(volume.array, volume.affine)


def by_dcmqi(path: Path, folder: Path) -> Volume:
    words = [command("paramap2itkimage"), "--inputDICOM", str(path), "--outputDirectory", str(folder), "--outputType", "nrrd"]
    subprocess.run(words, check=True, capture_output=True)
    (file,) = folder.glob("*.nrrd")
    return read_image(file)


@pytest.mark.parametrize(("axes", "flip"), ORIENTATIONS)
@pytest.mark.parametrize("reader", [by_highdicom, pytest.param(by_dcmqi, marks=pytest.mark.peer("paramap2itkimage"))])
def test_others_read_a_parametric_map_voxel_for_voxel(
    phantom: Phantom, axes: Array, flip: int, reader: Callable[[Path, Path], Volume], tmp_path: Path
) -> None:
    made, volume = _somewhere(phantom, axes, flip)
    (folder := tmp_path / "read").mkdir()

    (encoded,) = encode_parametric_maps(made.material())

    assert _same_in_place(reader(encoded.path, folder), volume)


def test_each_map_is_a_parametric_map_in_a_series_of_its_own(phantom: Phantom) -> None:
    maps = tuple(another(phantom, quantity, 1.0) for quantity in (Quantity.DVR, Quantity.BP_ND, Quantity.R1, Quantity.SUV))

    images = read(encode_parametric_maps(phantom.with_result(maps=maps).material()))

    mappings = [d.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0] for d in images]
    concepts = [item.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue for item in mappings]
    assert concepts == ["DVR", "SUVR", "BPND", "R1-SRTM", "126401"]
    assert [item.MeasurementUnitsCodeSequence[0].CodeValue for item in mappings] == ["1"] * 4 + ["g/ml{SUVbw}"]
    assert [d.SeriesNumber for d in images] == [9401, 9402, 9403, 9404, 9405]
    assert len({d.SeriesInstanceUID for d in images}) == len({d.SOPInstanceUID for d in images}) == 5
    assert {d.StudyInstanceUID for d in images} == {phantom.exam.pet.source.study_uid}
    assert "k2' 0.07 /min. Ichise et al. (2003)" in images[0].DerivationDescription


@pytest.mark.peer("dciodvfy", "dcentvfy")
@pytest.mark.parametrize("plan", [Plan(), Plan(studies=1, enhanced=True), Plan(flair=False, lesions=0)], ids=["two", "one", "no flair"])
def test_judges_find_no_fault_in_any_object_that_a_site_may_choose(tmp_path: Path, plan: Plan) -> None:
    phantom = make_phantom(tmp_path, plan)
    phantom = phantom.with_result(maps=(another(phantom, Quantity.DVR, 1.1), another(phantom, Quantity.SUV, 2.0)))
    (folder := tmp_path / "out").mkdir()

    encoded = encode(*phantom.parts, storage=tmp_path, folder=folder, options=EVERYTHING)

    assert {item.kind for item in encoded} >= {
        Kind.MAP,
        Kind.MAP_SUVR,
        Kind.MAP_SUV,
        Kind.PARAMETRIC_MAPS,
        Kind.REGISTRATION,
        Kind.KEY_OBJECTS,
    }
    assert complaints([item.path for item in encoded], sorted(tmp_path.glob("*.dcm"))) == []


def test_an_object_is_the_same_whichever_others_are_written_and_whenever(phantom: Phantom, tmp_path: Path) -> None:
    alone = EncodeOptions(objects=("summary", "map", "parametric_maps", "registration", "key_objects"))
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()

    first, second = (
        {item.path.name: item.path.read_bytes() for item in encode(*phantom.parts, storage=tmp_path, folder=folder, options=options)}
        for folder, options in zip(folders, (alone, EVERYTHING), strict=True)
    )

    assert len(first) < len(second)
    assert [name for name in first if first[name] != second.get(name)] == []


@pytest.mark.parametrize("objects", [("summary", "poem"), ("map", "map"), ("refusal",)])
def test_objects_that_are_unknown_or_named_twice_are_refused(objects: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="objects are some of summary, overlay"):
        EncodeOptions(objects=objects)


def test_only_what_was_chosen_is_written(phantom: Phantom, tmp_path: Path) -> None:
    encoded = encode(*phantom.parts, storage=tmp_path, folder=tmp_path, options=EncodeOptions(objects=("map",)))

    assert {item.kind for item in encoded} == {Kind.MAP}
