"""Virtual cameras: scenes, lenses, sensors, processing, JPEG."""
