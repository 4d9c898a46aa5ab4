"""What the paper calls its attacks, backbones and preprocessors."""

LABELS = {
    "misl-cgan": "MISL",
    "spoc-cgan": "SpoC",
    "cama": "Cama",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "ddn": "DDN",
}
"""What the paper's tables call its attacks; any other attack goes by its own title."""
BACKBONES = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "densenet100": "DenseNet-100",
    "vgg16": "VGG-16",
}
PREPROCESSORS = {"rgb": "RGB", "rgb+fd": "RGB+FD", "fd": "FD", "ww": "WW", "cc": "CC", "hp": "HP"}
SAME = "resnet18"
"""The evaluators' architecture: attacks on other backbones have to transfer."""
