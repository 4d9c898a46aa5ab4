"""Networks and their training: classifier = preprocessor + timm backbone, one training loop."""
