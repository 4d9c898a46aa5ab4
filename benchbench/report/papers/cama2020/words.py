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
SOURCES = {
    name: f"https://arxiv.org/abs/{number}"
    for name, number in {
        "cama": "2002.07798",
        "spoc-cgan": "1911.12069",
        "fgsm": "1412.6572",
        "pgd": "1706.06083",
        "ddn": "1811.09600",
    }.items()
}
"""Where its attacks were published."""
BACKBONES = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    "densenet100": "DenseNet-100",
    "vgg16": "VGG-16",
}
PREPROCESSORS = {"rgb": "RGB", "rgb+fd": "RGB+FD", "fd": "FD", "ww": "WW", "cc": "CC", "hp": "HP"}
SAME = "resnet18"
"""The evaluators' architecture: attacks on other backbones have to transfer."""
