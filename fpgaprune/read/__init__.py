"""Models, projects and reports into values."""
