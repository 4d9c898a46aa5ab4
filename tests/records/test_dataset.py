"""dataset.json: of the photographs that it names, whatever else lies in the folder."""

from __future__ import annotations

from pathlib import Path

from benchbench.records.dataset import DatasetSummary, summary_of, summary_path, write_summary


def summary(data_id: str, models: tuple[str, ...]) -> DatasetSummary:
    labels: dict[str, list[int]] = {"q": [0], "p": [0], "test": [0]}
    return DatasetSummary.of(name="a b", data_id=data_id, camera_models=models, known=1, size=32, labels=labels)


def test_two_data_sets_that_share_a_folder_keep_their_own(tmp_path: Path) -> None:
    first, second = summary("1" * 32, ("one",)), summary("2" * 32, ("two",))
    for each in (first, second, first, second):
        write_summary(summary_path(tmp_path, each.data_id), each)
    assert (summary_of(tmp_path, "1" * 32), summary_of(tmp_path, "2" * 32)) == (first, second)
    assert summary_of(tmp_path, "3" * 32) == first, "tables say that it is of other photographs"
    assert len(list(tmp_path.iterdir())) == 2
