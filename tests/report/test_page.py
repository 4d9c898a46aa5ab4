"""The page in headless Chromium: sort, filter, open a cell by keyboard; narrow, wide, light, dark; no network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchbench.records.cell import Cell
from benchbench.report import DatasetSummary, leaderboard_csv
from benchbench.report.groups import groups
from benchbench.report.page import page
from benchbench.report.papers.cama2020.claims import CLAIMS

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def text(paper_cells: list[Cell], make_cell: Any) -> str:
    cells = [*paper_cells, make_cell(condition="jpeg-75", tsr=0.25), make_cell(budget=35.0, tsr=0.75)]
    return page([(group, None) for group in groups(cells)])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def shown(browser: Any, text: str, tmp_path: Path) -> Iterator[Any]:
    """Open the page on a desktop; whatever it logs as an error or asks of a network fails the test."""
    (tmp_path / "leaderboard.html").write_text(text)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    tab.on("request", lambda r: None if r.url.startswith("file:") else wrong.append(r.url))
    tab.goto((tmp_path / "leaderboard.html").as_uri())
    yield tab
    context.close()
    assert not wrong


@needs_browser
def test_the_papers_claims_stand_on_the_page(shown: Any) -> None:
    rows = [row.split("\t") for row in shown.locator("#claims tr").all_inner_texts()]
    ahead = next(row for row in rows if row[0] == "Cama is ahead of MISL")
    # The cells have the paper's rates, so both sides say the same.
    assert ahead[1] == ahead[2] and ahead[4] == "holds"
    assert len(rows) == len(CLAIMS) + 1, "and the count of places where Cama leads"


def names(tab: Any) -> list[str]:
    found: list[str] = tab.locator("#body .name").all_inner_texts()
    return found


def test_the_page_holds_the_numbers_of_the_leaderboard(text: str, paper_cells: list[Cell]) -> None:
    import csv
    import io

    found = [json.loads(body) for body in re.findall(r'class="group">(.*?)</script>', text, re.S)]
    rows = {r["attack"]: r for r in csv.DictReader(io.StringIO(leaderboard_csv(paper_cells)))}
    (whole,) = (g for g in found if g["facts"]["condition"] == "uint8" and g["facts"]["budget"] == "native")
    for attack, row in zip(whole["attacks"], whole["rows"][whole["views"]["all|all|all|all"]], strict=True):
        expected = rows[attack["key"]]
        for value, column in zip(row[1:7], ("tsr", "tsr_low", "tsr_high", "usr", "usr_low", "usr_high"), strict=True):
            assert value == (pytest.approx(float(expected[column]), abs=6e-5) if expected["tsr"] else None)
        assert str(row[7] or "") == expected["rank"]
    loaded = re.findall(r"""<(?:script|link|img|iframe|source)[^>]+(?:src|href)=|url\(|@import|fetch\(""", text)
    assert not loaded, "addresses are links; nothing is loaded from them"


def test_names_cannot_break_out_of_the_page(make_cell: Any) -> None:
    made = page([(g, None) for g in groups([make_cell(title="</script><script>alert(1)</script>", attack="x")])])
    assert "<script>alert" not in made


@needs_browser
def test_sort(shown: Any) -> None:
    assert names(shown)[:2] == ["Cama", "MISL"]
    assert shown.locator('th[aria-sort="descending"]').inner_text() == "TSR"
    shown.locator('[data-column="tsr"]').focus()
    shown.keyboard.press("Enter")
    assert shown.locator('th[aria-sort="ascending"]').inner_text() == "TSR" and names(shown)[0] == "DDN"
    assert shown.evaluate("document.activeElement.dataset.column") == "tsr", "the keyboard stays where it was"
    shown.locator('[data-column="label"]').click()
    shown.uncheck("#others")
    assert names(shown) == sorted(names(shown), key=str.lower)


@needs_browser
def test_filter(shown: Any) -> None:
    shown.select_option("#overlap", "partial")
    shown.select_option("#split", "in")
    shown.select_option("#backbone", "resnet18")
    cama = shown.locator("tr", has=shown.get_by_role("button", name="Cama"))
    assert cama.locator(".rate b").first.inner_text() == "86.1", "table 4a of the paper: the mean of the row"
    assert "6" in cama.locator("td.number").last.inner_text()
    shown.uncheck("#others")
    assert "Noise" not in names(shown)
    shown.reload()
    assert shown.input_value("#overlap") == "partial", "the address keeps what was chosen"
    shown.select_option("#condition", "jpeg-75")
    assert names(shown) == ["Cama"] and shown.locator(".rate b").first.inner_text() == "25.0"
    assert "JPEG" in shown.inner_text("#setting")


@needs_browser
def test_open_a_cell_with_the_keyboard(shown: Any) -> None:
    button = shown.get_by_role("button", name="Cama")
    button.focus()
    shown.keyboard.press("Enter")
    assert shown.get_by_role("button", name="Cama").get_attribute("aria-expanded") == "true"
    shown.locator(".cell").first.focus()
    shown.keyboard.press("Enter")
    dialog = shown.get_by_role("dialog")
    assert dialog.is_visible() and "cell_id" in dialog.inner_text() and "Model_1" in dialog.inner_text()
    shown.keyboard.press("Escape")
    assert not dialog.is_visible()


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_and_can_be_read(browser: Any, text: str, tmp_path: Path, width: int, scheme: str) -> None:
    (tmp_path / "page.html").write_text(text)
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out to the side"

    def contrast(selector: str) -> float:
        script = """(s) => {
            const c = (v) => v.match(/[\\d.]+/g).slice(0, 3).map(Number), style = (e) => getComputedStyle(e);
            return [c(style(document.querySelector(s)).color), c(style(document.body).backgroundColor)]; }"""
        light = []
        for color in tab.evaluate(script, selector):
            parts = [v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
            light.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
        return (max(light) + 0.05) / (min(light) + 0.05)

    for selector in ("body", ".soft", ".name", ".rate small"):
        assert contrast(selector) >= 4.5, f"{selector}: WCAG AA"
    unnamed = "[...document.querySelectorAll('button, select, input')].filter(e => !(e.innerText || e.labels?.length))"
    assert tab.evaluate(f"{unnamed}.length") == 0
    context.close()


@needs_browser
def test_links_lead_to_paper_code_data_and_csv(browser: Any, make_cell: Any, tmp_path: Path) -> None:
    links = {"paper": "https://example.org/paper", "code": "javascript:alert(1)"}
    cells = [make_cell(title="Mine", attack="mine"), make_cell(attack="fgsm", title="FGSM")]
    cells[0] = cells[0].model_copy(update={"attack": cells[0].attack.model_copy(update={"links": links})})
    photographs = cells[0].dataset
    summary = DatasetSummary.of(
        name=photographs.name,
        data_id=photographs.data_id,
        camera_models=photographs.camera_models,
        known=photographs.known,
        size=photographs.size,
        labels={"q": [0], "p": [0], "test": [0]},
    )
    (tmp_path / "page.html").write_text(page([(group, summary) for group in groups(cells)]))
    tab = browser.new_page()
    tab.goto((tmp_path / "page.html").as_uri())
    for name in ("Mine", "FGSM"):
        tab.get_by_role("button", name=name).click()
    found = {a.inner_text(): a.get_attribute("href") for a in tab.locator("p a, .sources a").all()}
    assert tab.locator(".sources").all_inner_texts() == ["Of FGSM: paper", "Of Mine: paper"], "no link is a script"
    assert {a.get_attribute("href") for a in tab.locator(".sources a").all()} == {
        "https://example.org/paper",
        "https://arxiv.org/abs/1412.6572",  # the record does not say it, Cama's paper does
    }
    place = f"{cells[0].dataset.name}/{cells[0].profile}/dataset.json"
    assert {"leaderboard.csv", "cells.csv", place} <= set(found.values())
    assert found["Conditional adversarial camera model anonymization"] == "https://arxiv.org/abs/2002.07798"
    tab.close()


@needs_browser
def test_every_word_that_is_shown_is_explained(shown: Any) -> None:
    """In a title where it stands, and in the list below."""
    shown.get_by_role("button", name="Cama").click()
    unexplained = shown.evaluate(
        """() => [...document.querySelectorAll(
            '#filters option, #head button, #filters label:not(.check):not(.sorter), .inner th')]
        .filter((e) => !e.title && !e.closest('#results, #sorter') && e.value !== 'all' && !e.closest('tbody td .heat'))
        .map((e) => e.textContent)"""
    )
    known_by_themselves = {"resnet18", "resnet50", "densenet100", "vgg16", "35 dB"}
    assert set(unexplained) <= known_by_themselves
    assert shown.locator("#filters label", has=shown.locator("#overlap")).get_attribute("title")
    terms = shown.locator("#word-list dt").all_inner_texts()
    assert {"TSR", "white-box", "partial", "hp", "jpeg-75"} <= set(terms)


def test_no_results_yet() -> None:
    assert "No results yet" in page([])
