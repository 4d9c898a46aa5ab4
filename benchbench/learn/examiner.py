"""Examiners: classifiers with two hidden layers at their end, whose convolutions give features for clustering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from benchbench.learn.classifier import Classifier
from benchbench.learn.training import ClassifierFit

HIDDEN = (512, 128)
DROPOUT = 0.3


@dataclass(frozen=True, kw_only=True)
class ExaminerFit(ClassifierFit):
    """A `ClassifierFit` that ends in linear layers of 512, 128 and as many as there are classes.

    Source: Chen et al. 2020 (SiamTE), section 4.2; the end is that of its public release.
    """

    kind: ClassVar[str] = "benchbench.learn.examiner.ExaminerFit"

    def build(self) -> Classifier:
        """Return the untrained network.

        Raises:
            UnknownNameError, BenchError: see `ClassifierFit.build`.
        """
        network = Classifier(self.backbone, self.preprocessor, HIDDEN[0], self.shape, 0.0)
        network.backbone = nn.Sequential(
            network.backbone,
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(*HIDDEN),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN[1], self.classes),
        )
        return network
