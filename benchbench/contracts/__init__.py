"""What plugin authors implement, and how names become instances."""
