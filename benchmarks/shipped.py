"""What the styles that come with Impasto are trained on and with. docs/styles.md says how they came out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from impasto import images
from impasto.images import Picture
from impasto.training import TRAINING_PRESETS, TrainingPreset

PHOTOGRAPH = "photograph of the painting, in the public domain"


@dataclass(frozen=True)
class Shipped:
    """A style's painting, and how it is trained.

    painting: file in DATA/style, without .jpg. content_weight: the recipe's is 0.17; more keeps faces. detail: left,
    top, right, bottom in px of the part that is taken, None for all. The others: as in `styles.model.About`.
    """

    painting: str
    content_weight: float
    title: str
    artist: str
    year: str
    source: str = PHOTOGRAPH
    detail: tuple[int, int, int, int] | None = None

    def picture(self, data: Path) -> Picture:
        """What the style is learned from."""
        whole = images.load(data / "style" / f"{self.painting}.jpg")
        left, top, right, bottom = self.detail or (0, 0, *whole.size)
        return Picture(whole.pixels[top:bottom, left:right])

    def recipe(self) -> TrainingPreset:
        """The recipe, at the style's content weight."""
        return replace(TRAINING_PRESETS["default"], content_weight=self.content_weight)


SHIPPED = {
    "adele-bloch-bauer": Shipped(
        "klimt-adele-bloch-bauer", 0.11, "Portrait of Adele Bloch-Bauer I", "Gustav Klimt", "1907", "Wikimedia Commons"
    ),
    "composition-vii": Shipped(
        "kandinsky-composition-vii", 0.07, "Composition VII", "Wassily Kandinsky", "1913"
    ),
    "great-wave": Shipped(
        "hokusai-great-wave", 0.2, "The Great Wave off Kanagawa", "Katsushika Hokusai", "1831", "Wikimedia Commons"
    ),
    "scream": Shipped("munch-scream", 0.19, "The Scream", "Edvard Munch", "1893"),
    "shipwreck": Shipped(
        "turner-shipwreck-of-the-minotaur", 0.14, "The Shipwreck of the Minotaur", "J. M. W. Turner", "c. 1810"
    ),
    "starry-night": Shipped("vangogh-starry-night", 0.2, "The Starry Night", "Vincent van Gogh", "1889"),
    "tableau-no-2": Shipped(
        "mondrian-tableau-no-2-composition-vii", 0.1, "Tableau No. 2 / Composition No. VII", "Piet Mondrian", "1913"
    ),
    "udnie": Shipped(
        "picabia-udnie", 0.17, "Udnie (Young American Girl, The Dance)", "Francis Picabia", "1913",
        "photograph of the painting; public domain in the USA and where copyright lasts 70 years",
    ),
    "van-gogh-self-portrait": Shipped(
        "vangogh-self-portrait-straw-hat", 0.09, "Self-Portrait with Straw Hat", "Vincent van Gogh", "1887"
    ),
    "water-lilies": Shipped("monet-water-lilies-1919", 0.1, "Water Lilies", "Claude Monet", "1919"),
}  # fmt: skip
