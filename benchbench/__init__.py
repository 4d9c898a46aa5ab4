"""benchbench: the robustness benchmark for camera-model attribution."""

__version__ = "0.1.0"
